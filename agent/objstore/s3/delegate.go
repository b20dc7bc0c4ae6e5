package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Delegate returns cfg with the credentials and the endpoint spelled out that
// the SDK finds here, in the environment or a profile, so that an agent which
// has neither can open the bucket; cfg.Expires is when those credentials end.
// It contacts nothing unless the credentials have to be fetched.
func Delegate(ctx context.Context, cfg objstore.Config) (objstore.Config, error) {
	if cfg.Credentials["access_key_id"] != "" {
		return cfg, nil
	}
	options, err := loadOptions(cfg)
	if err != nil {
		return cfg, err
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	found, err := explained{loaded.Credentials}.Retrieve(ctx)
	if err != nil {
		return cfg, err
	}
	cfg.Credentials = map[string]string{
		"access_key_id": found.AccessKeyID, "secret_access_key": found.SecretAccessKey, "session_token": found.SessionToken}
	if cfg.Region == "" {
		cfg.Region = loaded.Region
	}
	if found.CanExpire {
		cfg.Expires = found.Expires
	}
	// The client knows the endpoint that is set for S3 alone as well.
	if endpoint := s3.NewFromConfig(loaded).Options().BaseEndpoint; cfg.Endpoint == "" && endpoint != nil {
		cfg.Endpoint = *endpoint
	}
	return cfg, nil
}
