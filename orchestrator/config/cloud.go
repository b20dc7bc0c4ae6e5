package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// regionVariables are the environment variables that name a cloud's region to
// its own tools, by the store's scheme.
var regionVariables = map[string][]string{
	"s3": {"AWS_REGION", "AWS_DEFAULT_REGION"},
	"gs": {"GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION"},
	"az": {"AZURE_DEFAULTS_LOCATION"},
}

// cloud locates a bucket of a built-in scheme, with credentials and region as
// its cloud's tools find them:
//
//	s3://BUCKET/KEY
//	gs://BUCKET/KEY
//	az://ACCOUNT/CONTAINER/KEY, also azure://
//	r2://ACCOUNT/BUCKET/KEY
//
// Where the bucket is, the store is asked: see Locate. The region in the
// environment, which is where the cloud's tools do their work, stands in for
// that of a bucket whose store does not say.
func cloud(url, scheme, rest string, env LookupEnv) (Location, error) {
	l := Location{URL: url, Store: scheme}
	var err error
	switch scheme {
	case "s3", "gs":
		l.Config.Type = map[string]string{"s3": "s3", "gs": "gcs"}[scheme]
		l.Config.Bucket, l.Key, err = split(url, scheme, rest)
	case "az", "azure":
		l.Store = "az"
		l.Config, l.Key, err = ofAccount(url, scheme, rest, "azblob", "https://%s.blob.core.windows.net")
	case "r2":
		l.Config, l.Key, err = ofAccount(url, scheme, rest, "s3", "https://%s.r2.cloudflarestorage.com")
		l.Config.Region, l.Config.PathStyle = "auto", true
	}
	if err == nil {
		err = l.regionFrom(env)
	}
	if err != nil {
		return Location{}, err
	}
	return l, nil
}

// ofAccount divides ACCOUNT/BUCKET/KEY for a store whose accounts have hosts.
func ofAccount(url, scheme, rest, kind, endpoint string) (objstore.Config, string, error) {
	account, rest, _ := strings.Cut(rest, "/")
	switch {
	case account == "" || rest == "" || rest[0] == '/':
		return objstore.Config{}, "", fmt.Errorf("malformed URL %q: write %s://account/bucket/key", url, scheme)
	case !bucketName.MatchString(account):
		return objstore.Config{}, "", fmt.Errorf("malformed URL %q: an account's name has only letters, digits, '.', '_' and '-'", url)
	}
	bucket, key, err := split(url, scheme, rest)
	return objstore.Config{Type: kind, Bucket: bucket, Endpoint: fmt.Sprintf(endpoint, account)}, key, err
}

// regionFrom reads the cloud's region from the environment.
func (l *Location) regionFrom(env LookupEnv) error {
	clouds := map[string]region.Cloud{"s3": region.AWS, "gs": region.GCP, "az": region.Azure}
	for _, name := range regionVariables[l.Store] {
		value, _ := env(name)
		if value == "" {
			continue
		}
		r, err := region.Parse(string(clouds[l.Store]) + ":" + value)
		if err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
		l.Config.Region, l.Regions = value, []region.Region{r}
		return nil
	}
	return nil
}

// storeClouds are the clouds whose regions a type of store names.
var storeClouds = map[string]region.Cloud{"s3": region.AWS, "gcs": region.GCP, "azblob": region.Azure}

// Locate sets the regions of a bucket of a cloud to those that its store named,
// if it did. What a store in the configuration says is never changed. Names
// that are none of a region are left out.
func (l *Location) Locate(names []string) {
	if !slices.Contains(builtin, l.Store) || l.Anywhere() {
		return
	}
	var regions []region.Region
	for _, name := range names {
		if r, err := region.Parse(string(storeClouds[l.Config.Type]) + ":" + name); err == nil {
			regions = append(regions, r)
		}
	}
	if len(regions) > 0 {
		l.Regions, l.Config.Region = regions, regions[0].Name()
	}
}

// Anywhere tells whether no region is nearer to the bucket, nor cheaper, than
// another: R2 is served from its provider's edge and bills no egress.
func (l Location) Anywhere() bool { return l.Store == "r2" }

// RegionHint says how to tell the region of a location that has none.
func (l Location) RegionHint() string {
	const declare = "declare a store with a region in skyctl.yaml"
	if names := regionVariables[l.Store]; len(names) > 0 {
		return "set " + names[0] + ", or " + declare
	}
	if l.Config.Endpoint != "" {
		return fmt.Sprintf("%s: type %s, endpoint %s and the region to use it from", declare, l.Config.Type, l.Config.Endpoint)
	}
	return declare
}
