package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Delegate returns cfg with credentials, and the endpoint, with which an agent
// that has none can open the bucket.
//
// They are a session, an hour long, whose policy allows what scope says and no
// more, where one can be had: at Amazon of scope.Role, for only a role can be
// taken on with less; elsewhere of the endpoint itself, if it speaks STS as
// MinIO does. Where STS refuses, or the session may not list its keys, they are
// what the SDK finds here, in the environment, a profile or cfg, until they
// end, and whole says why. So they are at Amazon without a role, and, without a
// word for somebody chose them, those that are temporary already at other
// endpoints.
func Delegate(ctx context.Context, cfg objstore.Config, scope objstore.Scope) (_ objstore.Config, whole string, err error) {
	options, err := loadOptions(cfg)
	if err != nil {
		return cfg, "", err
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, "", fmt.Errorf("AWS configuration: %w", err)
	}
	found, err := (&explained{CredentialsProvider: loaded.Credentials}).Retrieve(ctx)
	if err != nil {
		return cfg, "", err
	}
	// The client knows the endpoint that is set for S3 alone as well.
	if endpoint := s3.NewFromConfig(loaded).Options().BaseEndpoint; cfg.Endpoint == "" && endpoint != nil {
		cfg.Endpoint = *endpoint
	}
	if cfg.Region == "" {
		cfg.Region = loaded.Region
	}
	own := with(cfg, found)
	session, whole := takeOn(own, scope)
	if session == nil {
		return own, whole, nil
	}
	limited, err := session(ctx, loaded, scope)
	if err == nil {
		err = usable(ctx, with(cfg, limited), scope)
	}
	var refused *awshttp.ResponseError
	switch {
	case err == nil:
		return with(cfg, limited), "", nil
	case objstore.KindOf(err) == objstore.KindPermission, errors.As(err, &refused) && refused.HTTPStatusCode() != 0:
		return own, "no session for these keys alone could be had: " + reason(err), nil
	}
	return cfg, "", (&bucket{name: cfg.Bucket}).fail("delegate", "", err)
}

// reason is what the store or STS said, in one line and without the request's
// particulars.
func reason(err error) string {
	var said smithy.APIError
	if errors.As(err, &said) && said.ErrorCode() != "" {
		return strings.TrimRight(said.ErrorCode()+": "+said.ErrorMessage(), ": ")
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// with is cfg with these credentials.
func with(cfg objstore.Config, c aws.Credentials) objstore.Config {
	cfg.Credentials = map[string]string{"access_key_id": c.AccessKeyID, "secret_access_key": c.SecretAccessKey}
	if c.SessionToken != "" {
		cfg.Credentials["session_token"] = c.SessionToken
	}
	cfg.Expires = time.Time{}
	if c.CanExpire {
		cfg.Expires = c.Expires
	}
	return cfg
}

// takeOn asks for a session. It is nil if nobody would give one; why is for who
// could change that.
func takeOn(own objstore.Config, scope objstore.Scope) (ask func(context.Context, aws.Config, objstore.Scope) (aws.Credentials, error), why string) {
	role, endpoint := scope.Role, (*string)(nil)
	u, err := url.Parse(own.Endpoint)
	amazon := own.Endpoint == "" || err == nil && strings.HasSuffix("."+u.Hostname(), "."+amazonHost)
	switch {
	case amazon && role == "":
		return nil, "Amazon gives a session for these keys alone of a role only, and clouds.aws.assume_role names none"
	case !amazon && own.Credentials["session_token"] != "":
		return nil, ""
	case !amazon: // it gives a session of the caller, and does not look at the role
		role, endpoint = "arn:aws:iam::000000000000:role/skyctl", &own.Endpoint
	}
	return func(ctx context.Context, loaded aws.Config, scope objstore.Scope) (aws.Credentials, error) {
		loaded.BaseEndpoint, loaded.RetryMaxAttempts = endpoint, 1
		loaded.Region = strings.TrimSpace(own.Region)
		if loaded.Region == "" {
			loaded.Region = defaultRegion
		}
		policy, err := policyOf(bucketARN(role, own.Bucket), scope, amazon)
		if err != nil {
			return aws.Credentials{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, defaultCheckTimeout)
		defer cancel()
		out, err := sts.NewFromConfig(loaded).AssumeRole(ctx, &sts.AssumeRoleInput{
			RoleArn: &role, RoleSessionName: aws.String(sessionName(own.Run)), Policy: &policy, DurationSeconds: aws.Int32(int32(delegatedFor / time.Second)),
		})
		switch {
		case err != nil:
			return aws.Credentials{}, err
		case out.Credentials == nil: // some success that is not STS's
			return aws.Credentials{}, &objstore.Error{Kind: objstore.KindPermission, Err: errors.New("no session in the answer")}
		}
		c := out.Credentials
		found := credentials.NewStaticCredentialsProvider(aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken)).Value
		found.CanExpire, found.Expires = true, aws.ToTime(c.Expiration)
		return found, nil
	}, ""
}

// delegatedFor is how long a session lasts: what Amazon allows of a role that
// another one takes on.
const delegatedFor = time.Hour

// sessionName is in the ARN of who begins an upload: see bucket.mine.
func sessionName(run string) string { return "skyctl-" + run }

// statement is one of an IAM policy.
type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// bucketARN names a bucket in the partition of the role that is to use it: those
// of China and of the American government have names of their own.
func bucketARN(role, bucket string) string {
	partition := "aws"
	if of := strings.Split(role, ":"); len(of) > 1 && of[1] != "" {
		partition = of[1]
	}
	return "arn:" + partition + ":s3:::" + bucket
}

// policyOf allows what an agent does to the keys of scope in the bucket arn.
func policyOf(arn string, scope objstore.Scope, amazon bool) (string, error) {
	pattern := scope.Prefix
	if i := strings.IndexAny(pattern, "*?$"); i >= 0 { // they mean something in a policy
		pattern = pattern[:i] + "*"
	} else if !scope.Exact {
		pattern += "*"
	}
	keys := []string{"s3:GetObject", "s3:GetObjectTagging"}
	if scope.Write {
		keys = append(keys, "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
	}
	list := statement{Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{arn}}
	if pattern != "*" {
		list.Condition = map[string]map[string][]string{"StringLike": {"s3:prefix": {pattern}}}
	}
	statements := []statement{{Effect: "Allow", Action: keys, Resource: []string{arn + "/" + pattern}}, list}
	if scope.Write { // it cannot be limited to keys
		statements = append(statements, statement{Effect: "Allow", Action: []string{"s3:ListBucketMultipartUploads"}, Resource: []string{arn}})
	}
	if amazon { // where the role may use a key at all
		statements = append(statements, statement{Effect: "Allow", Action: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resource: []string{"*"}})
	}
	policy, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	return string(policy), err
}

// usable lists at most one key.
func usable(ctx context.Context, cfg objstore.Config, scope objstore.Scope) error {
	b, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = b.(*bucket).client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &cfg.Bucket, Prefix: optional(scope.Prefix), MaxKeys: aws.Int32(1)})
	return errors.Join(b.(*bucket).fail("delegate", "", err), b.Close())
}
