package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schemaVersion is PRAGMA user_version. A journal of another version is
// refused, never migrated: a run lives for hours, and the skyctl that began it
// can finish it.
const schemaVersion = 2

// applicationID is PRAGMA application_id, "skyj": it tells our databases from
// other files.
const applicationID = 0x736b796a

// Keys and tokens are TEXT for whoever looks with sqlite3; bytes that are not
// UTF-8 pass through unharmed. Digests are the CRC32C as an integer. upload is
// not NULL exactly while a staged write may exist at the store, so that
// somebody must commit or abort it; the two partial indexes find these and the
// failures without a scan.
const schema = `
CREATE TABLE run (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE destinations (
	number INTEGER PRIMARY KEY,
	url    TEXT NOT NULL
) STRICT;

CREATE TABLE objects (
	number     INTEGER PRIMARY KEY,
	key        TEXT NOT NULL,
	size       INTEGER NOT NULL,
	version    TEXT NOT NULL,
	modified   INTEGER,
	crc32c     INTEGER,
	chunk_size INTEGER NOT NULL DEFAULT 0,
	opened     INTEGER,
	state      INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
	object   INTEGER NOT NULL,
	dest     INTEGER NOT NULL,
	key      TEXT NOT NULL,
	state    INTEGER NOT NULL,
	upload   TEXT,
	digest   INTEGER,
	verified TEXT,
	lost     INTEGER NOT NULL DEFAULT 0,
	stage    TEXT,
	kind     INTEGER,
	error    TEXT,
	PRIMARY KEY (object, dest)
) STRICT, WITHOUT ROWID;

CREATE INDEX staged ON deliveries (object, dest) WHERE upload IS NOT NULL;
CREATE INDEX failed ON deliveries (object, dest) WHERE state = 4;

CREATE TABLE chunks (
	object INTEGER NOT NULL,
	dest   INTEGER NOT NULL,
	idx    INTEGER NOT NULL,
	digest INTEGER NOT NULL,
	token  TEXT NOT NULL,
	PRIMARY KEY (object, dest, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE routes (
	reader TEXT NOT NULL,
	route  INTEGER NOT NULL,
	dest   INTEGER NOT NULL,
	bytes  INTEGER NOT NULL,
	PRIMARY KEY (reader, route, dest)
) STRICT, WITHOUT ROWID;
`

// VersionError says that a file is not a journal of this version.
type VersionError struct {
	Path string
	Have int // 0: no journal at all
}

func (e *VersionError) Error() string {
	if e.Have == 0 {
		return fmt.Sprintf("%s is not the journal of a run", e.Path)
	}
	return fmt.Sprintf("journal %s has schema %d and this skyctl knows %d; use the skyctl that began the run", e.Path, e.Have, schemaVersion)
}

// dsn is the data source name of the database at path.
func dsn(path string, readOnly bool) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	q := url.Values{
		"_pragma": {"busy_timeout(10000)", "synchronous(full)"},
		"_txlock": {"immediate"},
	}
	if readOnly {
		// Not mode=ro: a reader of a WAL database must be able to make its
		// shared memory file where the writer has gone.
		q.Set("_query_only", "1")
	} else {
		q.Add("_pragma", "journal_mode(wal)")
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String(), nil
}

// createFile makes the database with its tables. The files that SQLite puts
// beside it inherit its mode.
func createFile(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := openDB(path, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after Commit
	for _, s := range []string{
		schema,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func openDB(path string, readOnly bool) (*sql.DB, error) {
	name, err := dsn(path, readOnly)
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", name)
}

// checkVersion refuses what is not a journal of schemaVersion.
func checkVersion(ctx context.Context, path string) (err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the run has no journal at %s, so nothing was listed: %w", path, err)
	} else if err != nil {
		return err
	}
	db, err := openDB(path, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var app, have int
	err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app)
	if refused, ok := errors.AsType[*sqlite.Error](err); ok && refused.Code() == sqlite3.SQLITE_NOTADB {
		return &VersionError{Path: path}
	}
	if err != nil {
		return readError(err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return readError(err)
	}
	if app != applicationID || have == 0 {
		return &VersionError{Path: path}
	}
	if have != schemaVersion {
		return &VersionError{Path: path, Have: have}
	}
	return nil
}
