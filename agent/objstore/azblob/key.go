package azblob

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	maxKey      = 1024 // in UTF-16 units
	maxSegments = 254
)

// checkKey refuses the keys that cannot name anything. What a listing of the
// container holds may be read, whatever it is called.
func (b *bucket) checkKey(op, key string) error {
	var err error
	switch {
	case key == "":
		err = errors.New("the key is empty")
	case !utf8.ValidString(key):
		err = errors.New("the key is not valid UTF-8")
	default:
		return nil
	}
	return b.failKind(op, key, objstore.KindInvalid, err)
}

// checkNewKey also refuses the keys that Azure would hold under another name
// or not at all, before anything is changed under them: "a.", "a/.." and "a\b"
// would silently become "a", the container and "a/b".
func (b *bucket) checkNewKey(op, key string) error {
	if err := b.checkKey(op, key); err != nil {
		return err
	}
	var err error
	switch segments := strings.Split(key, "/"); {
	case strings.Contains(key, `\`):
		err = errors.New(`Azure takes \ for / in a name`)
	case strings.ContainsFunc(key, unicode.IsControl):
		err = errors.New("Azure allows no control characters in a name")
	case endsInDot(segments):
		err = errors.New("Azure allows no name with a part that ends in a dot")
	case len(segments) > maxSegments:
		err = fmt.Errorf("Azure allows %d parts between slashes in a name, this has %d", maxSegments, len(segments))
	case len(utf16.Encode([]rune(key))) > maxKey:
		err = fmt.Errorf("Azure allows %d characters in a name, this has more", maxKey)
	default:
		return nil
	}
	return b.failKind(op, key, objstore.KindInvalid, err)
}

func endsInDot(segments []string) bool {
	for _, s := range segments {
		if strings.HasSuffix(s, ".") {
			return true
		}
	}
	return false
}
