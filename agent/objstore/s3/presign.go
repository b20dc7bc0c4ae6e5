package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Presign returns a URL with which anybody can read one object for a while, a
// week at most, without credentials. It ends earlier if the credentials that
// sign it do.
func Presign(ctx context.Context, cfg objstore.Config, key string, lasting time.Duration) (string, error) {
	client, transport, err := newClient(ctx, cfg)
	if err != nil {
		return "", &objstore.Error{Op: "sign", Bucket: "s3://" + cfg.Bucket, Kind: objstore.KindInvalid, Err: err}
	}
	defer transport.CloseIdleConnections()
	signed, err := s3.NewPresignClient(client, s3.WithPresignExpires(lasting)).PresignGetObject(ctx,
		&s3.GetObjectInput{Bucket: &cfg.Bucket, Key: &key})
	if err != nil {
		return "", &objstore.Error{Op: "sign", Bucket: "s3://" + cfg.Bucket, Key: key, Kind: objstore.KindPermission, Err: err}
	}
	return signed.URL, nil
}
