// Calls every read method of three releases of the Atlas SDK for Go through a gateway, by reflection, with OAuth and with digest. Prints one
// JSON object a line for each call: the test decides what should have come of it.
//
// Which method reads, and which path it asks for, is found out first, with a transport that sends nothing: every path parameter is a
// placeholder of the length that the SDK demands, and what is not a GET is left alone. Then it is called with values that lead to something.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/mongodb-forks/digest"
	sdk2023 "go.mongodb.org/atlas-sdk/v20231001001/admin"
	sdk2024 "go.mongodb.org/atlas-sdk/v20241113005/admin"
	sdk2025 "go.mongodb.org/atlas-sdk/v20250312012/admin"
	"golang.org/x/oauth2/clientcredentials"
)

// Input is what the test passes on standard input.
type Input struct {
	Origin, ID, Secret string
	// Values of path parameters in order, by release of the SDK and path with `{}` in place of each parameter.
	Values map[string]map[string][]string
	// Values of required query parameters by name.
	Query map[string]string
}

// Call is one line of output.
type Call struct {
	SDK    string `json:"sdk"`
	Auth   string `json:"auth"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Error  string `json:"error,omitempty"`
}

// read is a method that sends a GET: the names of its path parameters in order, and the path with `{}` in place of each.
type read struct {
	service, method string
	path            string
	parameters      []string
	// Query parameters that the method demands, in lower case: the SDK has pointers for them, as for optional ones.
	required map[string]bool
}

var (
	inPath     = regexp.MustCompile(`~(\d\d)_*`)
	badLength  = regexp.MustCompile(`(\w+) must have (?:at least|less than) (\d+) elements`)
	missing    = regexp.MustCompile(`(\w+) is required and must be specified`)
	errNotSent = errors.New("not sent")
)

// placeholders are the values that a method is called with to find its path.
type placeholders struct {
	fields []string
	// What the SDK demands, by the lower-case name of the parameter.
	lengths map[string]int
}

// value is `~`, the number of the field, and as many underscores as it takes.
func (p *placeholders) value(field string) string {
	index := slices.Index(p.fields, field)
	if index < 0 {
		index = len(p.fields)
		p.fields = append(p.fields, field)
	}
	value := fmt.Sprintf("~%02d", index)
	return value + strings.Repeat("_", max(0, p.lengths[strings.ToLower(field)]-len(value)))
}

// learn takes from the error of the SDK which length or parameter it demands, and reports whether it was such an error.
func (p *placeholders) learn(err error, required map[string]bool) bool {
	if err == nil {
		return false
	}
	if match := missing.FindStringSubmatch(err.Error()); match != nil {
		required[strings.ToLower(match[1])] = true
		return true
	}
	match := badLength.FindStringSubmatch(err.Error())
	if match == nil {
		return false
	}
	length, _ := strconv.Atoi(match[2])
	p.lengths[strings.ToLower(match[1])] = length
	return true
}

// sink keeps the last request and sends nothing.
type sink struct{ last *http.Request }

func (s *sink) RoundTrip(request *http.Request) (*http.Response, error) {
	s.last = request
	return nil, errNotSent
}

// execute calls the method of a service whose parameters are a struct, with the given values of its required strings.
func execute(client any, one read, value func(field string) string) (response *http.Response, err error) {
	service := reflect.ValueOf(client).Elem().FieldByName(one.service)
	method := service.MethodByName(one.method)
	arguments := reflect.New(method.Type().In(1).Elem())
	fill(arguments.Elem(), one.required, value)
	request := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), arguments})[0]
	results := request.MethodByName("Execute").Call(nil)
	if failure, failed := results[len(results)-1].Interface().(error); failed {
		err = failure
	}
	response, _ = results[len(results)-2].Interface().(*http.Response)
	return response, err
}

func fill(arguments reflect.Value, required map[string]bool, value func(field string) string) {
	for i := range arguments.NumField() {
		field, name := arguments.Field(i), arguments.Type().Field(i).Name
		if field.Kind() == reflect.String {
			field.SetString(value(name))
			continue
		}
		if field.Kind() != reflect.Pointer {
			continue
		}
		given := reflect.New(field.Type().Elem())
		switch target := given.Elem(); {
		case target.Kind() == reflect.Struct:
			// A body: only writes have one, and they are left alone.
			field.Set(given)
		case !required[strings.ToLower(name)]:
		case target.Kind() == reflect.String:
			target.SetString(value(name))
			field.Set(given)
		case target.Kind() == reflect.Slice && target.Type().Elem().Kind() == reflect.String:
			target.Set(reflect.Append(target, reflect.ValueOf(value(name))))
			field.Set(given)
		}
	}
}

// reads finds the methods that send a GET.
func reads(client any, sent *sink) []read {
	var found []read
	services := reflect.TypeOf(client).Elem()
	for i := range services.NumField() {
		service := services.Field(i)
		if !service.IsExported() || service.Type.Kind() != reflect.Interface {
			continue
		}
		for j := range service.Type.NumMethod() {
			one := read{service: service.Name, method: service.Type.Method(j).Name, required: map[string]bool{}}
			if !strings.HasSuffix(one.method, "WithParams") {
				continue
			}
			sent.last = nil
			probe := placeholders{lengths: map[string]int{}}
			for tries := 0; tries < 10; tries++ {
				if _, err := execute(client, one, probe.value); !probe.learn(err, one.required) {
					break
				}
			}
			if sent.last == nil || sent.last.Method != http.MethodGet {
				continue
			}
			one.path = inPath.ReplaceAllString(sent.last.URL.Path, "{}")
			for _, match := range inPath.FindAllStringSubmatch(sent.last.URL.Path, -1) {
				index, _ := strconv.Atoi(match[1])
				one.parameters = append(one.parameters, probe.fields[index])
			}
			found = append(found, one)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].service+found[i].method < found[j].service+found[j].method })
	return found
}

// release is one version of the SDK.
type release struct {
	name string
	make func(origin string, http *http.Client) (any, error)
	// Its own way to authenticate; nil where it has none.
	oauth func(input Input) (any, error)
}

var releases = []release{
	{
		name: "v20231001001.0.0",
		make: func(origin string, client *http.Client) (any, error) {
			return sdk2023.NewClient(sdk2023.UseBaseURL(origin), sdk2023.UseHTTPClient(client))
		},
		// This release knows digest only; its users bring the HTTP client of golang.org/x/oauth2.
		oauth: func(input Input) (any, error) {
			tokens := clientcredentials.Config{ClientID: input.ID, ClientSecret: input.Secret, TokenURL: input.Origin + "/api/oauth/token"}
			return sdk2023.NewClient(sdk2023.UseBaseURL(input.Origin), sdk2023.UseHTTPClient(tokens.Client(context.Background())))
		},
	},
	{
		name: "v20241113005.0.0",
		make: func(origin string, client *http.Client) (any, error) {
			return sdk2024.NewClient(sdk2024.UseBaseURL(origin), sdk2024.UseHTTPClient(client))
		},
		oauth: func(input Input) (any, error) {
			return sdk2024.NewClient(sdk2024.UseBaseURL(input.Origin), sdk2024.UseOAuthAuth(context.Background(), input.ID, input.Secret))
		},
	},
	{
		name: "v20250312012.0.0",
		make: func(origin string, client *http.Client) (any, error) {
			return sdk2025.NewClient(sdk2025.UseBaseURL(origin), sdk2025.UseHTTPClient(client))
		},
		oauth: func(input Input) (any, error) {
			return sdk2025.NewClient(sdk2025.UseBaseURL(input.Origin), sdk2025.UseOAuthAuth(context.Background(), input.ID, input.Secret))
		},
	},
}

func withDigest(one release, input Input) (any, error) {
	client, err := digest.NewTransport(input.ID, input.Secret).Client()
	if err != nil {
		return nil, err
	}
	return one.make(input.Origin, client)
}

// valueOf gives the parameters of a path what leads to something, and any other string what its name asks for.
func valueOf(sdk string, one read, input Input) func(field string) string {
	values := input.Values[sdk][one.path]
	return func(field string) string {
		for i, name := range one.parameters {
			if name == field && i < len(values) {
				return values[i]
			}
		}
		if value, known := input.Query[field]; known {
			return value
		}
		return "64b7c0ffee0000000000a004"
	}
}

func main() {
	var input Input
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		log.Fatal(err)
	}
	output := json.NewEncoder(os.Stdout)
	for _, one := range releases {
		sent := &sink{}
		silent, err := one.make(input.Origin, &http.Client{Transport: sent})
		if err != nil {
			log.Fatal(err)
		}
		methods := reads(silent, sent)
		for auth, connect := range map[string]func() (any, error){
			"oauth":  func() (any, error) { return one.oauth(input) },
			"digest": func() (any, error) { return withDigest(one, input) },
		} {
			client, err := connect()
			if err != nil {
				log.Fatal(err)
			}
			for _, method := range methods {
				call := Call{SDK: one.name, Auth: auth, Method: method.method, Path: method.path}
				response, err := execute(client, method, valueOf(one.name, method, input))
				if response != nil {
					call.Status = response.StatusCode
				}
				if err != nil {
					call.Error = err.Error()
				}
				if err := output.Encode(call); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
}
