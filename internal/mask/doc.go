// Package mask replaces secrets in text that is on its way out, whichever way the text comes cut into pieces.
//
//	m := mask.New([]string{"hunter2-hunter2"})
//	m.Text("the password is hunter2-hunter2")      // the password is [masked]
//	s := m.Stream()                                // one for each stream of bytes
//	out = s.Mask(out, piece)                       // as often as there is a piece
//	out = s.End(out)                               // what was held back
//
// A secret is found as it is and in the forms that programs give it without meaning to hide it: forms.go lists them. It
// is a net against accidents. A program that means to give a secret away reverses it, and no masker will know.
//
// What comes out is a function of the bytes that went in: not of the pieces they came in, nor of time. Whoever reads a
// stream again from its beginning gets the same bytes again.
package mask
