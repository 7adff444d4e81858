package task

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/docker-worker/docker-worker/schema"
)

// Problem is one thing that is wrong with a task.
type Problem struct {
	Pointer string `json:"pointer"` // JSON Pointer (RFC 6901) to the value; "" is the whole task
	Message string `json:"message"` // a sentence for the person who wrote the task
}

func (p Problem) String() string {
	if p.Pointer == "" {
		return p.Message
	}
	return p.Pointer + ": " + p.Message
}

// MalformedError says that a message is not a task, or not one that this host runs, and names all the reasons.
type MalformedError struct {
	Problems []Problem
}

func (e *MalformedError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.String()
	}
	return "malformed task: " + strings.Join(texts, "; ")
}

// maxProblems bounds what a hostile task can make us say.
const maxProblems = 50

// taskSchema compiles once, at the first task: 1 ms that `docker-worker version` need not spend.
var taskSchema = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema.Task)))
	if err != nil {
		panic(fmt.Sprintf("worker: embedded task schema: %v", err))
	}
	const url = "urn:docker-worker:task:1"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(url, doc); err != nil {
		panic(fmt.Sprintf("worker: embedded task schema: %v", err))
	}
	return c.MustCompile(url)
})

// finding is a problem whose place is not written out.
type finding struct {
	at      []string // the names and numbers that lead to the value
	message string
}

// problemsOf writes findings as problems, in the order of the pointers, and not more of them than anybody reads.
func problemsOf(found []finding) []Problem {
	problems := make([]Problem, len(found))
	for i, f := range found {
		problems[i] = Problem{pointer(f.at), f.message}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Message, b.Message))
	})
	if len(problems) > maxProblems {
		more := len(problems) - maxProblems
		problems = append(problems[:maxProblems], Problem{"", fmt.Sprintf("and %d more problems", more)})
	}
	return problems
}

// validate holds a decoded JSON document against the schema and finds all that is wrong with it.
func validate(doc any) []finding {
	err, _ := taskSchema().Validate(doc).(*jsonschema.ValidationError)
	if err == nil {
		return nil
	}
	return flatten(nil, err)
}

// flatten walks to the leaves of the validator's error tree and writes a sentence for each.
func flatten(found []finding, err *jsonschema.ValidationError) []finding {
	at := err.InstanceLocation
	inside := func(name string) []string { return append(slices.Clone(at), name) }
	switch k := err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			found = append(found, finding{inside(name), strayName(at, name)})
		}
		return found
	case *kind.Required:
		for _, name := range k.Missing {
			found = append(found, finding{inside(name), "is required"})
		}
		return found
	case *kind.FalseSchema: // of env alone
		return append(found, finding{at, "is set by the worker and cannot be overridden"})
	case *kind.Const:
		return append(found, finding{at, "is not there in this worker"})
	}
	if len(err.Causes) == 0 {
		return append(found, finding{at, sentence(err.ErrorKind)})
	}
	for _, cause := range err.Causes {
		found = flatten(found, cause)
	}
	return found
}

// sentence says in plain words what is wrong with one value. Of kinds that the schema does not use so far it names the
// keyword.
func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		wanted := make([]string, len(k.Want))
		for i, noun := range k.Want {
			wanted[i] = withArticle(noun)
		}
		return fmt.Sprintf("must be %s, not %s", strings.Join(wanted, " or "), withArticle(k.Got))
	case *kind.Minimum:
		return fmt.Sprintf("must be at least %s, not %s", number(k.Want), number(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("must be at most %s, not %s", number(k.Want), number(k.Got))
	case *kind.MinLength:
		return "must not be empty"
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters; at most %d are allowed", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d entries; at most %d are allowed", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d entries; at most %d are allowed", k.Got, k.Want)
	case *kind.Enum:
		wanted := make([]string, len(k.Want))
		for i, want := range k.Want {
			wanted[i] = fmt.Sprint(want)
		}
		return fmt.Sprintf("is %q; it can be %s", Bounded(fmt.Sprint(k.Got)), strings.Join(wanted, ", "))
	case *kind.Pattern:
		if k.Want == `^[^\x00]*$` {
			return "must not hold a NUL byte"
		}
		return fmt.Sprintf("%q does not match %s", Bounded(k.Got), k.Want)
	}
	return fmt.Sprintf("does not fit the schema: %s", strings.Join(k.KeywordPath(), " "))
}

func withArticle(noun string) string {
	switch {
	case noun == "null":
		return noun
	case strings.ContainsRune("aeio", rune(noun[0])):
		return "an " + noun
	}
	return "a " + noun
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return Bounded(r.Num().String())
	}
	return Bounded(strings.TrimRight(r.FloatString(6), "0"))
}

// pointer writes a JSON Pointer, RFC 6901.
func pointer(tokens []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escape.Replace(Bounded(t)))
	}
	return b.String()
}
