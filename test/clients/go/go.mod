module atlas-gateway/test/clients/go

go 1.24.0

require go.mongodb.org/atlas-sdk/v20250312012 v20250312012.0.0

require (
	github.com/mongodb-forks/digest v1.1.0 // indirect
	golang.org/x/oauth2 v0.34.0 // indirect
)
