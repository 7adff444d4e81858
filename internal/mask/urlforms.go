package mask

import "strings"

// urlForms is a secret in a URL or a form. Nobody agrees on what to escape beside the letters and digits.
func urlForms(secret string) []string {
	var forms []string
	for _, kept := range []string{
		"-_.~",                 // RFC 3986; Go's query, curl, most others
		"-_.",                  // older RFCs
		"-_.*",                 // HTML forms
		"-_.~/",                // Python's quote
		"-_.~$&+:=@",           // Go's path
		"-_.~$&+,;=",           // Go's user and password
		"-_.!~*'()",            // encodeURIComponent
		"-_.!~*'();/?:@&=+$,#", // encodeURI
	} {
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			text := escaped(secret, kept, digits)
			forms = append(forms, text, strings.ReplaceAll(text, "%20", "+"))
		}
	}
	return forms
}

func escaped(secret, kept, digits string) string {
	var out strings.Builder
	for i := range len(secret) {
		switch b := secret[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte(kept, b) >= 0:
			out.WriteByte(b)
		default:
			out.Write([]byte{'%', digits[b>>4], digits[b&15]})
		}
	}
	return out.String()
}
