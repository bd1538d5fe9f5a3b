package pages

import (
	"html/template"
	"net/http"
)

// refusal is what the page of a refused sign-in says.
type refusal struct{ Lang, Scheme, Base, Known, Message, Remedy string }

func (s *Site) renderRefused(as look, texts map[string]string, translate func(string) (string, error)) error {
	t, err := template.New("refused.html").Funcs(template.FuncMap{
		"t": translate,
		"known": func(code string) string { // what is said in English anyway needs no second sentence
			if as.lang == "en" {
				return ""
			}
			return texts["error."+code]
		},
	}).ParseFS(files, "html/refused.html")
	if err != nil {
		return err
	}
	s.refused[as] = t
	return nil
}

// Refused answers a browser that comes back from a provider and is not let in: why, and what to do. The page has no script, and no choice
// of a language: its address is good once.
func (s *Site) Refused(w http.ResponseWriter, r *http.Request, status int, code, message, remedy string) {
	as := look{Language(r), scheme(r)}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", as.lang)
	w.WriteHeader(status)
	// A browser that went away is no error of ours.
	_ = s.refused[as].Execute(w, refusal{Lang: as.lang, Scheme: as.scheme, Base: s.base, Known: code, Message: message, Remedy: remedy})
}
