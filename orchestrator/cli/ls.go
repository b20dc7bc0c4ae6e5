package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

type lsCmd struct {
	URL       string `arg:"" name:"url" help:"What to list: s3://BUCKET/PREFIX, STORE://BUCKET/PREFIX of a configured store, or a path."`
	Recursive bool   `short:"r" help:"List everything below the prefix."`
}

// objectDoc is one object of a listing.
type objectDoc struct {
	Key      string    `json:"key"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified,omitzero"` // not of what stands for keys below it
}

// Run prints while it lists: a listing can be longer than memory.
func (c *lsCmd) Run(ctx context.Context, s service, out *console) error {
	out.list()
	return s.List(ctx, c.URL, c.Recursive, func(o objstore.Object) error {
		return out.add(objectDoc{o.Key, o.Size, o.Modified.UTC()})
	})
}

// listing writes objects one by one, as text or as one JSON document.
type listing struct {
	w     *bufio.Writer
	json  bool
	count int
}

// list begins an answer that is a listing. It is complete when the command
// ends.
func (c *console) list() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listing = &listing{w: bufio.NewWriter(c.stdout), json: c.json}
}

// add adds an object to the listing.
func (c *console) add(o objectDoc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return context.Canceled
	}
	return c.listing.add(o)
}

func (l *listing) add(o objectDoc) error {
	l.count++
	if !l.json {
		modified := ""
		if !o.Modified.IsZero() {
			modified = o.Modified.Format(time.DateTime)
		}
		_, err := fmt.Fprintf(l.w, "%15d  %-19s  %s\n", o.Size, modified, printable(o.Key))
		return err
	}
	separator := ",\n  "
	if l.count == 1 {
		separator = "{\"objects\": [\n  "
	}
	if _, err := io.WriteString(l.w, separator); err != nil {
		return err
	}
	return l.encode(o)
}

// end completes the document, which says itself what went wrong.
func (l *listing) end(e *errorDoc) error {
	if l.json {
		head := "\n], "
		if l.count == 0 {
			head = "{\"objects\": [], "
		}
		if _, err := io.WriteString(l.w, head+"\"success\": "); err != nil {
			return err
		}
		if err := l.encode(e == nil); err != nil {
			return err
		}
		if e != nil {
			if _, err := io.WriteString(l.w, ", \"error\": "); err != nil {
				return err
			}
			if err := l.encode(e); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(l.w, "}\n"); err != nil {
			return err
		}
	}
	return l.w.Flush()
}

func (l *listing) encode(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = l.w.Write(text)
	return err
}
