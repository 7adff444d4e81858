package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The credentials of Amazon's own example, which is public.
const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	region    = "us-east-1"
)

// TestSignature holds this test's reading of Signature Version 4 against the example of its documentation
// ("Authenticating Requests: Using Query Parameters").
func TestSignature(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	signed := presign(http.MethodGet, "https://examplebucket.s3.amazonaws.com/test.txt", at, 86400, nil)
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := signed.Query().Get("X-Amz-Signature"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestPresignedPut: a store that verifies the signature over the request that it has really got takes the upload; one
// byte more or less in what was signed, and it does not.
func TestPresignedPut(t *testing.T) {
	var stored string
	store := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if problem := verify(r); problem != "" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", problem)
			return
		}
		body, _ := io.ReadAll(r.Body)
		stored = string(body)
	})
	object := store.URL + "/bucket/builds/a%2Fb%20c+d/naïve$name~.log"
	typed := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	for name, test := range map[string]struct {
		signed      http.Header
		contentType string
		spoil       func(address string) string
		problem     string
	}{
		"host":                     {},
		"host, with a type":        {contentType: "text/plain"},
		"host and type":            {signed: typed, contentType: "text/plain; charset=utf-8"},
		"another type":             {signed: typed, contentType: "text/html", problem: "SignatureDoesNotMatch"},
		"no type":                  {signed: typed, problem: "SignatureDoesNotMatch"},
		"another object":           {spoil: func(a string) string { return strings.Replace(a, "builds", "other", 1) }, problem: "SignatureDoesNotMatch"},
		"longer than it was given": {spoil: func(a string) string { return strings.Replace(a, "X-Amz-Expires=600", "X-Amz-Expires=900", 1) }, problem: "SignatureDoesNotMatch"},
	} {
		t.Run(name, func(t *testing.T) {
			stored = ""
			address := presign(http.MethodPut, object, time.Now().UTC(), 600, test.signed).String()
			if test.spoil != nil {
				address = test.spoil(address)
			}
			err := quick(t).Upload(t.Context(), Upload{URL: address, Size: 4, ContentType: test.contentType, Body: text("text")})
			if test.problem != "" {
				checkFailure(t, err, true, "403 Forbidden ("+test.problem+")")
				if strings.Contains(err.Error(), "X-Amz") {
					t.Errorf("the error shows the query: %v", err)
				}
				return
			}
			if err != nil || stored != "text" {
				t.Errorf("got %v, and the store has %q", err, stored)
			}
		})
	}
}

// presign makes an address that is good for one request, as every S3 library does.
func presign(method, object string, at time.Time, seconds int, header http.Header) *url.URL {
	u, err := url.Parse(object)
	if err != nil {
		panic(err)
	}
	u.RawPath = strings.ReplaceAll(u.EscapedPath(), "$", "%24") // as they escape it
	names := []string{"host"}
	for name := range header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	query := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {accessKey + "/" + at.Format("20060102") + "/" + region + "/s3/aws4_request"},
		"X-Amz-Date":          {at.Format("20060102T150405Z")},
		"X-Amz-Expires":       {fmt.Sprint(seconds)},
		"X-Amz-SignedHeaders": {strings.Join(names, ";")},
	}
	query.Set("X-Amz-Signature", signature(method, u.EscapedPath(), query, u.Host, header))
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u
}

// verify is what the store does: it makes the signature anew, from what has arrived.
func verify(r *http.Request) (problem string) {
	query := r.URL.Query()
	given := query.Get("X-Amz-Signature")
	query.Del("X-Amz-Signature")
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case r.Header.Get("Authorization") != "", len(r.TransferEncoding) > 0, r.Header.Get("Expect") != "":
		return "InvalidRequest"
	case given == "" || given != signature(r.Method, path, query, r.Host, r.Header):
		return "SignatureDoesNotMatch"
	}
	return ""
}

// signature is AWS Signature Version 4 with its parameters in the query and a payload that is not signed.
func signature(method, path string, query url.Values, host string, header http.Header) string {
	var headers strings.Builder
	for name := range strings.SplitSeq(query.Get("X-Amz-SignedHeaders"), ";") {
		value := header.Get(name)
		if name == "host" {
			value = host
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.TrimSpace(value))
	}
	canonical := strings.Join([]string{
		method, path, strings.ReplaceAll(query.Encode(), "+", "%20"),
		headers.String(), query.Get("X-Amz-SignedHeaders"), "UNSIGNED-PAYLOAD",
	}, "\n")
	_, scope, _ := strings.Cut(query.Get("X-Amz-Credential"), "/")
	sum := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", query.Get("X-Amz-Date"), scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = keyed(key, part)
	}
	return hex.EncodeToString(keyed(key, toSign))
}

func keyed(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
