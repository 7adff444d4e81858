package dockerapi

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

const (
	recordedRegistry = "127.0.0.1:5791" // the recorder's docker-registry, which wants credentials
	recordedTrouble  = "127.0.0.1:5792" // the recorder's registry that answers with the status that a name asks for
	recordedUser     = "test"
	recordedPassword = "secret??>>" // its base64 has the characters in which the alphabets differ
	smallImage       = "localhost/dockerapi-small:1"
)

func imageRecordings() []recording {
	auth := &RegistryAuth{Username: recordedUser, Password: recordedPassword, ServerAddress: recordedRegistry}
	wrong := &RegistryAuth{Username: recordedUser, Password: "wrong", ServerAddress: recordedRegistry}
	inspect := func(ref string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (Image, error) { return c.ImageInspect(ctx, ref) })
	}
	list := func(f Filters) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) ([]ImageSummary, error) {
			return c.ImageList(ctx, ImageListOptions{All: true, Filters: f})
		})
	}
	load := func(tar []byte) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) ([]string, error) {
			return c.ImageLoad(ctx, bytes.NewReader(tar), LoadOptions{})
		})
	}
	pull := func(ref string, auth *RegistryAuth) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error { return c.ImagePull(ctx, ref, PullOptions{Auth: auth}) })
	}
	remove := func(ref string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) ([]ImageDeleted, error) {
			return c.ImageRemove(ctx, ref, ImageRemoveOptions{})
		})
	}
	return []recording{
		{name: "ImageInspect", call: inspect(recordedImage), check: is(func(i Image) bool {
			return i.OS == "linux" && i.RepoTags[0] == recordedImage && i.Config.Labels["dockerapi.test"] == "1" &&
				i.Config.Cmd[0] == "sh" && i.Size > 0 && i.Created.Year() == 2024 && len(i.RootFS.Layers) == 1
		})},
		{name: "ImageInspect-missing", call: inspect("localhost/no/such:image"), want: "not found"},
		{name: "ImageList", call: list(Filters{"reference": {recordedImage}}),
			check: is(func(l []ImageSummary) bool { return len(l) == 1 && l[0].RepoTags[0] == recordedImage && l[0].Size > 0 })},
		{name: "ImageList-bad-filter", call: list(Filters{"nonsense": {"x"}}), want: "invalid", podman: "temporary"},
		{name: "ImageLoad", call: load(imageTar(smallImage, nil)),
			check: is(func(refs []string) bool { return len(refs) == 1 && refs[0] == smallImage })},
		{name: "ImageLoad-garbage", call: load([]byte("this is no tar, whatever else it is")), want: "error", podman: "temporary"},

		{name: "ImagePull", call: pull(recordedRegistry+"/open:1", auth)},
		{name: "ImagePull-unknown", call: pull(recordedRegistry+"/open:2", auth), want: "not found"},
		{name: "ImagePull-unknown-repository", call: pull(recordedRegistry+"/no/such", auth), want: "not found"},
		{name: "ImagePull-unknown-digest", call: pull(recordedRegistry+"/open@sha256:"+strings.Repeat("0", 64), auth), want: "not found"},
		{name: "ImagePull-denied", call: pull(recordedRegistry+"/open", nil), want: "denied"},
		{name: "ImagePull-wrong-password", call: pull(recordedRegistry+"/open:1", wrong), want: "denied"},
		{name: "ImagePull-refused", call: pull("127.0.0.1:1/open:1", nil), want: "temporary"},
		{name: "ImagePull-too-many-requests", call: pull(recordedTrouble+"/status/429:1", nil), want: "temporary"},
		{name: "ImagePull-unavailable", call: pull(recordedTrouble+"/status/503:1", nil), want: "temporary"},
		{name: "ImagePull-broken-off", call: pull(recordedTrouble+"/status/0:1", nil), want: "temporary"},
		{name: "ImagePull-forbidden", call: pull(recordedTrouble+"/status/403:1", nil), want: "denied"},

		{name: "ImageRemove", call: remove(smallImage), check: is(func(steps []ImageDeleted) bool {
			return slices.Contains(steps, ImageDeleted{Untagged: smallImage})
		})},
		{name: "ImageRemove-missing", call: remove(smallImage)},
		{name: "ImageRemove-in-use", call: remove(recordedImage), want: "conflict"},
		{name: "ImagePrune", call: get(func(ctx context.Context, c *Client) (Pruned, error) {
			return c.ImagePrune(ctx, Filters{"dangling": {"false"}, "label": {"dockerapi.test=prune"}})
		}), podman: "temporary"},
	}
}
