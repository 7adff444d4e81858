package worker

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

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

// validate holds a decoded JSON document against the schema and lists all that is wrong with it, in the order of the
// pointers.
func validate(doc any) []Problem {
	err, _ := taskSchema().Validate(doc).(*jsonschema.ValidationError)
	if err == nil {
		return nil
	}
	problems := flatten(nil, err)
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Pointer, b.Pointer) })
	if len(problems) > maxProblems {
		more := len(problems) - maxProblems
		problems = append(problems[:maxProblems], Problem{"", fmt.Sprintf("and %d more problems", more)})
	}
	return problems
}

// flatten walks to the leaves of the validator's error tree and writes a sentence for each.
func flatten(problems []Problem, err *jsonschema.ValidationError) []Problem {
	at := pointer(err.InstanceLocation)
	switch k := err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			message := "unknown field" + didYouMean(name)
			if at == "/env" {
				message = "is not a name that a variable can have: it is empty or holds = or a NUL byte"
			}
			problems = append(problems, Problem{pointer(append(slices.Clone(err.InstanceLocation), name)), message})
		}
		return problems
	case *kind.Required:
		for _, name := range k.Missing {
			problems = append(problems, Problem{pointer(append(slices.Clone(err.InstanceLocation), name)), "is required"})
		}
		return problems
	case *kind.FalseSchema: // of env alone
		return append(problems, Problem{at, "is set by the worker and cannot be overridden"})
	}
	if len(err.Causes) == 0 {
		return append(problems, Problem{at, sentence(err.ErrorKind)})
	}
	for _, cause := range err.Causes {
		problems = flatten(problems, cause)
	}
	return problems
}

// sentence says in plain words what is wrong with one value. Kinds that the schema does not use so far get the
// validator's own words.
func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", withArticle(strings.Join(k.Want, " or ")), withArticle(k.Got))
	case *kind.Minimum:
		return fmt.Sprintf("must be at least %s, not %s", number(k.Want), number(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("must be at most %s, not %s", number(k.Want), number(k.Got))
	case *kind.MinLength:
		return "must not be empty"
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters; at most %d are allowed", k.Got, k.Want)
	case *kind.Pattern:
		return fmt.Sprintf("%q does not match %s", bounded(k.Got), k.Want)
	}
	return k.LocalizedString(message.NewPrinter(language.English))
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
		return bounded(r.Num().String())
	}
	return bounded(strings.TrimRight(r.FloatString(6), "0"))
}

// pointer writes a JSON Pointer, RFC 6901.
func pointer(tokens []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escape.Replace(bounded(t)))
	}
	return b.String()
}

// didYouMean names the field that a misspelt one is closest to, where one is close enough.
func didYouMean(name string) string {
	best, distance := "", 3
	for field := range taskSchema().Properties {
		if d := editDistance(strings.ToLower(name), strings.ToLower(field)); d < distance || d == distance && field < best {
			best, distance = field, d
		}
	}
	if best == "" || distance >= len(name) {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance counts the insertions, deletions and replacements between two short texts (Levenshtein).
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
