// Reads one list with the official Atlas SDK for Go, as its documentation shows, with nothing changed but host and credentials.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"go.mongodb.org/atlas-sdk/v20250312012/admin"
)

func main() {
	ctx := context.Background()
	baseURL, id, secret, groupID := os.Getenv("BASE_URL"), os.Getenv("MONGODB_ATLAS_CLIENT_ID"), os.Getenv("MONGODB_ATLAS_CLIENT_SECRET"), os.Getenv("GROUP_ID")
	for name, credentials := range map[string]admin.ClientModifier{
		"oauth":  admin.UseOAuthAuth(ctx, id, secret),
		"digest": admin.UseDigestAuth(id, secret),
	} {
		client, err := admin.NewClient(admin.UseBaseURL(baseURL), credentials)
		if err != nil {
			log.Fatalf("Error: %v", err)
		}
		params := &admin.ListPrivateLinkConnectionsApiParams{GroupId: groupID}
		list, _, err := client.StreamsApi.ListPrivateLinkConnectionsWithParams(ctx, params).Execute()
		if err != nil {
			log.Fatalf("Error: %s: %v", name, err)
		}
		fmt.Printf("%s %d of %d\n", name, len(list.GetResults()), list.GetTotalCount())
	}
}
