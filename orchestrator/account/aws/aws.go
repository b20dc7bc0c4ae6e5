// Package aws is an account of Amazon Web Services. It sees what EC2 keeps tags
// of, in every region that is enabled.
//
// Paginators and waiters of the SDK are not used: they take the client as an
// interface, and with it the linker would keep all of EC2's 700 methods.
package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Config says whose account it is. Empty fields are left to the environment and
// the profile files, as AWS's own tools read them.
type Config struct {
	AccountID  string // no other account is touched
	Profile    string
	AssumeRole string // ARN

	Attempts int           // of one request; 0: 8
	Poll     time.Duration // between questions whether a machine is gone; 0: 5 s
}

const (
	defaultAttempts = 8 // EC2 throttles listings of many regions at once
	longestPause    = 20 * time.Second
	defaultPoll     = 5 * time.Second
	// home is the region that is asked what is asked of none in particular.
	home = "us-east-1"
)

// Account is one account.
type Account struct {
	cfg  Config
	base aws.Config
}

// Open reads the environment and the profile files, and contacts nothing.
func Open(ctx context.Context, cfg Config) (*Account, error) {
	if cfg.Attempts == 0 {
		cfg.Attempts = defaultAttempts
	}
	if cfg.Poll == 0 {
		cfg.Poll = defaultPoll
	}
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{}), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = cfg.Attempts, longestPause, ratelimit.None
		})
	})}
	if cfg.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(cfg.Profile))
	}
	base, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	if base.Region == "" {
		base.Region = home
	}
	if cfg.AssumeRole != "" {
		base.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(base), cfg.AssumeRole))
	}
	return &Account{cfg: cfg, base: base}, nil
}

// Cloud is region.AWS.
func (a *Account) Cloud() region.Cloud { return region.AWS }

// Identify asks STS, which refuses nobody who has credentials.
func (a *Account) Identify(ctx context.Context) (account.Identity, error) {
	out, err := sts.NewFromConfig(a.base).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return account.Identity{}, fmt.Errorf("AWS: %w", brief(err))
	}
	who := account.Identity{Account: aws.ToString(out.Account), Principal: aws.ToString(out.Arn)}
	if a.cfg.AccountID != "" && who.Account != a.cfg.AccountID {
		return who, &account.MismatchError{Cloud: region.AWS, Want: a.cfg.AccountID, Got: who.Account, Key: "clouds.aws.account_id"}
	}
	return who, nil
}

// at is EC2 in one region.
func (a *Account) at(name string) *ec2.Client {
	base := a.base
	base.Region = name
	return ec2.NewFromConfig(base)
}

// brief is what a service's error says, without the SDK's frame around it.
func brief(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return &apiError{code: api.ErrorCode(), err: err, text: fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage())}
	}
	return err
}

type apiError struct {
	code, text string
	err        error
}

func (e *apiError) Error() string { return e.text }
func (e *apiError) Unwrap() error { return e.err }

// code is the service's word for what went wrong, empty if it said none.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
