module atlas-gateway/test/clients/go

go 1.24.0

require (
	github.com/mongodb-forks/digest v1.1.0
	go.mongodb.org/atlas-sdk/v20231001001 v20231001001.0.0
	go.mongodb.org/atlas-sdk/v20241113005 v20241113005.0.0
	go.mongodb.org/atlas-sdk/v20250312012 v20250312012.0.0
	golang.org/x/oauth2 v0.34.0
)
