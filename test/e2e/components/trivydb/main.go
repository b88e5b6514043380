// Command trivydb writes a small vulnerability database for Trivy (a bbolt file of schema 2 with its metadata), so that
// scans in tests find what the test says and need no network.
//
//	trivydb CACHE-FOLDER < ADVISORIES
//
// The advisories are a JSON object:
//
//	{ "updatedAt": "2026-01-01T00:00:00Z",
//	  "advisories": [{ "platform": "alpine 3.20", "package": "musl", "id": "CVE-2026-0001",
//	                   "fixedVersion": "1.2.5-r1", "severity": "HIGH", "title": "…" }] }
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// schemaVersion is the layout of buckets that Trivy asks for in metadata.json.
const schemaVersion = 2

// updateInterval is how long a database made by Trivy's own builder counts as fresh.
const updateInterval = 24 * time.Hour

// severities as numbers, in the order of Trivy's own scale.
var severities = map[string]int{"UNKNOWN": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3, "CRITICAL": 4}

type advisory struct {
	// Platform is the bucket of an operating system's release, such as "alpine 3.20" or "debian 12".
	Platform string `json:"platform"`
	Package  string `json:"package"`
	ID       string `json:"id"`
	// FixedVersion is empty when there is no fix.
	FixedVersion string `json:"fixedVersion"`
	Severity     string `json:"severity"`
	Title        string `json:"title"`
}

type wanted struct {
	UpdatedAt  time.Time  `json:"updatedAt"`
	Advisories []advisory `json:"advisories"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "trivydb:", err)
		os.Exit(1)
	}
}

func run(args []string, input io.Reader) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the cache folder, got %d", len(args))
	}
	var database wanted
	decoder := json.NewDecoder(input)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&database); err != nil {
		return err
	}
	folder := filepath.Join(args[0], "db")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := writeAdvisories(filepath.Join(folder, "trivy.db"), database.Advisories); err != nil {
		return err
	}
	return writeMetadata(filepath.Join(folder, "metadata.json"), database.UpdatedAt.UTC())
}

func writeAdvisories(path string, advisories []advisory) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	file, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = file.Update(func(tx *bolt.Tx) error {
		for _, one := range advisories {
			if err := put(tx, one); err != nil {
				return fmt.Errorf("%s: %w", one.ID, err)
			}
		}
		return nil
	})
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// put writes what three buckets say of one advisory: which package it is about, how bad it is, and who says so.
func put(tx *bolt.Tx, one advisory) error {
	number, known := severities[one.Severity]
	if !known {
		return fmt.Errorf("no severity %q", one.Severity)
	}
	about := map[string]any{"FixedVersion": one.FixedVersion}
	if err := putJSON(tx, []string{one.Platform, one.Package}, one.ID, about); err != nil {
		return err
	}
	detail := map[string]any{
		"Title":          one.Title,
		"Severity":       one.Severity,
		"VendorSeverity": map[string]int{"nvd": number},
	}
	if err := putJSON(tx, []string{"vulnerability"}, one.ID, detail); err != nil {
		return err
	}
	source := map[string]string{"ID": "test", "Name": "advisories of a test", "URL": "https://registry.example.com/advisories"}
	return putJSON(tx, []string{"data-source"}, one.Platform, source)
}

func putJSON(tx *bolt.Tx, path []string, key string, value any) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(path[0]))
	if err != nil {
		return err
	}
	for _, name := range path[1:] {
		if bucket, err = bucket.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return bucket.Put([]byte(key), text)
}

func writeMetadata(path string, updatedAt time.Time) error {
	text, err := json.Marshal(map[string]any{
		"Version":      schemaVersion,
		"UpdatedAt":    updatedAt,
		"NextUpdate":   updatedAt.Add(updateInterval),
		"DownloadedAt": updatedAt,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
