package s3

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// identity is who the credentials belong to, once that was needed.
type identity struct {
	ask func(context.Context) (arn string, err error) // nil: nobody would know

	mu    sync.Mutex
	asked bool
	arn   string
}

// identityWithin is how long the question who we are may take.
const identityWithin = 5 * time.Second

// askSTS asks Amazon, which answers whoever has valid credentials.
func askSTS(cfg aws.Config) func(context.Context) (string, error) {
	cfg.BaseEndpoint = nil // that of S3
	client := sts.NewFromConfig(cfg)
	return func(ctx context.Context) (string, error) {
		out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.Arn), nil
	}
}

// whoami is the caller's ARN, empty if nobody says. A failure is no error, for
// a gateway may be where it reaches S3 and not STS; that is found out once.
func (i *identity) whoami(ctx context.Context) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked || i.ask == nil {
		return i.arn
	}
	limited, cancel := context.WithTimeout(ctx, identityWithin)
	defer cancel()
	arn, err := i.ask(limited)
	if err != nil {
		arn = ""
	}
	i.arn, i.asked = arn, ctx.Err() == nil
	return i.arn
}

// mine tells whether this caller began an upload, as far as it is known.
func (b *bucket) mine(ctx context.Context, initiator *types.Initiator) bool {
	if initiator == nil || aws.ToString(initiator.ID) == "" {
		return true
	}
	if b.run != "" && strings.HasSuffix(*initiator.ID, "/"+sessionName(b.run)) {
		return true // a gateway of this run
	}
	return sameCaller(*initiator.ID, b.identity.whoami(ctx))
}

// sameCaller compares the initiator of an upload with a caller's ARN. S3 calls
// an account itself by its canonical ID, which is no ARN; everybody else by the
// ARN. The sessions of a role are one caller: renewed credentials are another
// session.
func sameCaller(initiator, caller string) bool {
	if caller == "" {
		return true
	}
	if !strings.HasPrefix(initiator, "arn:") {
		return strings.HasSuffix(caller, ":root")
	}
	return withoutSession(initiator) == withoutSession(caller)
}

// withoutSession cuts the session from arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
func withoutSession(arn string) string {
	if strings.Contains(arn, ":assumed-role/") {
		return arn[:strings.LastIndexByte(arn, '/')]
	}
	return arn
}
