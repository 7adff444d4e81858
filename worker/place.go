package worker

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// maxLinks is how many symbolic links a path may lead through, as in Linux.
const maxLinks = 40

// place knows what there is in a container that has not started, as far as it was asked for.
type place struct {
	engine archiveEngine
	id     string
	known  map[string]*dockerapi.PathStat // nil: nothing is there
}

func newPlace(engine archiveEngine, id string) *place {
	return &place{engine: engine, id: id, known: map[string]*dockerapi.PathStat{}}
}

// spot is where a path leads, behind all links of the image. What the engine unpacks there touches nothing else: no
// directory that exists is among what is sent to it.
type spot struct {
	path    string   // absolute, without links
	exists  bool     // something is there
	dir     bool     // and it is a directory
	missing []string // directories above, from the top
}

// find follows a path from the root, as a process in the container would.
func (p *place) find(ctx context.Context, to string) (spot, error) {
	for range maxLinks + 1 {
		found, link, err := p.follow(ctx, to)
		if err != nil || link == "" {
			return found, err
		}
		to = link
	}
	return spot{}, &misplacedError{"leads through too many symbolic links"}
}

// follow goes to where the path ends, or to the first symbolic link in it. link is then the whole path behind that.
func (p *place) follow(ctx context.Context, to string) (here spot, link string, err error) {
	here = spot{path: "/", exists: true, dir: true}
	parts := strings.FieldsFunc(path.Clean(to), func(r rune) bool { return r == '/' })
	for i, part := range parts {
		switch {
		case !here.exists:
			here.missing = append(here.missing, here.path)
		case !here.dir:
			return spot{}, "", &misplacedError{fmt.Sprintf("is below %s, which is no directory", here.path)}
		}
		here.path = path.Join(here.path, part)
		if !here.exists {
			continue
		}
		stat, err := p.look(ctx, here.path)
		switch {
		case err != nil:
			return spot{}, "", err
		case stat == nil:
			here.exists, here.dir = false, false
		case stat.Mode&fs.ModeSymlink != 0:
			// The engine has followed the link to its end, within the container.
			return spot{}, path.Join("/", stat.LinkTarget, path.Join(parts[i+1:]...)), nil
		default:
			here.dir = stat.Mode.IsDir()
		}
	}
	return here, "", nil
}

func (p *place) look(ctx context.Context, at string) (*dockerapi.PathStat, error) {
	if stat, ok := p.known[at]; ok {
		return stat, nil
	}
	stat, err := p.engine.ContainerArchiveInfo(ctx, p.id, at)
	switch {
	case dockerapi.IsNotFound(err):
		p.known[at] = nil
	case err != nil:
		return nil, fmt.Errorf("look at %s in the container: %w", at, err)
	default:
		p.known[at] = &stat
	}
	return p.known[at], nil
}

// made notes that something was put to a spot. What an archive had in it is asked for when it matters.
func (p *place) made(s spot, dir bool) {
	for _, above := range s.missing {
		p.known[above] = &dockerapi.PathStat{Mode: fs.ModeDir}
	}
	stat := &dockerapi.PathStat{}
	if dir {
		stat.Mode = fs.ModeDir
	}
	p.known[s.path] = stat
	for at, stat := range p.known {
		if stat == nil && strings.HasPrefix(at, strings.TrimSuffix(s.path, "/")+"/") {
			delete(p.known, at) // it may be there now
		}
	}
}
