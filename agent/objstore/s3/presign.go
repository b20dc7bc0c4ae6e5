package s3

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// Presign returns a URL with which anybody can read one object for a while, a
// week at most, without credentials. It ends earlier if the credentials that
// sign it do.
func Presign(ctx context.Context, cfg objstore.Config, key string, lasting time.Duration) (string, error) {
	b, err := openWith(ctx, cfg, httpstore.DefaultPatience)
	if err != nil {
		return "", err
	}
	signed, err := s3.NewPresignClient(b.client, s3.WithPresignExpires(lasting)).PresignGetObject(ctx,
		&s3.GetObjectInput{Bucket: &cfg.Bucket, Key: &key})
	err = errors.Join(err, b.Close())
	if err != nil {
		return "", &objstore.Error{Op: "sign", Bucket: b.url(), Key: key, Kind: objstore.KindPermission, Err: err}
	}
	return signed.URL, nil
}
