package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// TestUploadsAreTheCallers: who began an upload decides, where that is known.
func TestUploadsAreTheCallers(t *testing.T) {
	const role = "arn:aws:sts::111122223333:assumed-role/skyctl/"
	for _, c := range []struct {
		name, initiator, caller string
		failure                 error
		found                   bool
	}{
		{"a user", "arn:aws:iam::111122223333:user/ops", "arn:aws:iam::111122223333:user/ops", nil, true},
		{"another user", "arn:aws:iam::111122223333:user/backup", "arn:aws:iam::111122223333:user/ops", nil, false},
		{"another session of the role", role + "1", role + "2", nil, true},
		{"another role", "arn:aws:sts::111122223333:assumed-role/backup/1", role + "1", nil, false},
		{"the account, and it is us", "canonical", "arn:aws:iam::111122223333:root", nil, true},
		{"the account, and we are a user", "canonical", "arn:aws:iam::111122223333:user/ops", nil, false},
		{"a store that does not say", "", "arn:aws:iam::111122223333:user/ops", nil, true},
		{"nobody tells who we are", "arn:aws:iam::111122223333:user/ops", "", errors.New("unreachable"), true},
	} {
		f, b := newFake(t)
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprintf(w, `<ListMultipartUploadsResult><Upload><Key>key</Key><UploadId>1</UploadId><Initiator><ID>%s</ID></Initiator><Initiated>%s</Initiated></Upload></ListMultipartUploadsResult>`,
				c.initiator, time.Now().UTC().Format(time.RFC3339))
			return true
		}
		asked := 0
		b.(*bucket).identity.ask = func(context.Context) (string, error) { asked++; return c.caller, c.failure }
		for range 2 {
			found, err := b.Uploads(t.Context(), "key", time.Now())
			if err != nil || (len(found) == 1) != c.found {
				t.Errorf("%s: %v, %v", c.name, found, err)
			}
		}
		if asked > 1 {
			t.Errorf("%s: asked %d times who we are", c.name, asked)
		}
	}
}

// TestDelegate: what an agent is given is all that it needs, and until when.
func TestDelegate(t *testing.T) {
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	dir := t.TempDir()
	script := filepath.Join(dir, "credentials")
	answer := fmt.Sprintf(`{"Version":1,"AccessKeyId":"id","SecretAccessKey":"secret","SessionToken":"token","Expiration":%q}`, ends.Format(time.RFC3339))
	profile := filepath.Join(dir, "config")
	for file, text := range map[string]string{
		script:  "#!/bin/sh\necho '" + answer + "'\n",
		profile: "[default]\nregion = eu-west-1\ncredential_process = " + script + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", profile)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
	got, whole, err := Delegate(t.Context(), objstore.Config{Bucket: "b"}, objstore.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Expires.Equal(ends) || got.Credentials["session_token"] != "token" || got.Region != "eu-west-1" || got.Endpoint != "http://127.0.0.1:9" || whole != "" {
		t.Errorf("%+v, they end at %v", got, ends)
	}
}
