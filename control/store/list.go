package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// Sizes of a page.
const (
	defaultPage = 50
	largestPage = 1000
	longestPage = 4096 // of a token, in bytes
)

type fieldType int

const (
	isText  fieldType = iota
	isInt             // a whole number
	isSet             // true where the number is not 0
	isTime            // RFC 3339
	isInSet           // an element of a JSON list of plain words
	isGiven           // true where the text is not empty
)

// field is something that a list can be filtered by.
type field struct {
	column string
	is     fieldType
}

// listing says how a list is filtered, ordered and continued. Names of columns come from here only, never from a caller.
type listing struct {
	name    string
	tenant  string // column; empty where rows belong to none
	time    string // column of Since and Until
	fields  map[string]field
	keys    []field // of the order; together they are unique
	newest  bool    // newest first, unless asked otherwise
	without string  // columns that lists leave out, with ", " between
	most    int     // rows of a page; 0 for largestPage
}

// cursor is where the page before ended. Of binds it to the same question.
type cursor struct {
	Of   string `json:"of"`
	Keys []any  `json:"keys"`
}

// sizeOf is how many rows a page has.
func sizeOf(q model.Query, most int) (int, error) {
	if q.Size < 0 {
		return 0, invalid("page_size", "the page size is below 0")
	}
	return min(cmp.Or(q.Size, defaultPage), most), nil
}

// page reads a page of rows and the token of the next.
func page[R any](ctx context.Context, s *Store, l listing, q model.Query, keys func(*R) []any, and ...func(*bun.SelectQuery)) ([]R, string, error) {
	size, err := sizeOf(q, cmp.Or(l.most, largestPage))
	if err != nil {
		return nil, "", err
	}
	var rows []R
	sel := s.conn(ctx).NewSelect().Model(&rows).Limit(size + 1)
	if l.without != "" {
		sel = sel.ExcludeColumn(columnsOf(l.without)...)
	}
	if err := l.where(sel, q); err != nil {
		return nil, "", err
	}
	if err := l.order(sel, q); err != nil {
		return nil, "", err
	}
	for _, f := range and {
		f(sel)
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, "", s.fail("list "+l.name, err)
	}
	if len(rows) <= size {
		return rows, "", nil
	}
	rows = rows[:size]
	return rows, l.token(q, keys(&rows[size-1])), nil
}

// listed reads a page of rows as what they stand for, and the token of the next.
func listed[R, M any](ctx context.Context, s *Store, l listing, q model.Query, keys func(*R) []any, model func(*R) (*M, error)) ([]M, string, error) {
	rows, next, err := page(ctx, s, l, q, keys)
	if err != nil {
		return nil, "", err
	}
	out, err := convert(rows, model)
	return out, next, err
}

func (l listing) where(sel *bun.SelectQuery, q model.Query) error {
	if q.Tenant != "" && l.tenant != "" {
		sel.Where("? = ?", bun.Ident(l.tenant), q.Tenant)
	}
	if l.time != "" {
		if !q.Since.IsZero() {
			sel.Where("? >= ?", bun.Ident(l.time), us(q.Since))
		}
		if !q.Until.IsZero() {
			sel.Where("? < ?", bun.Ident(l.time), us(q.Until))
		}
	}
	for _, c := range q.Where {
		f, ok := l.fields[c.Field]
		if !ok {
			return invalid("filter", "%s can't be filtered by %q; fields are: %s", l.name, c.Field, l.names())
		}
		if err := f.where(sel, c); err != nil {
			return err
		}
	}
	return nil
}

func (l listing) names() string {
	var names []string
	for n := range l.fields {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (f field) where(sel *bun.SelectQuery, c model.Condition) error {
	ordered := slices.Contains([]string{"<", "<=", ">", ">="}, c.Op)
	if !ordered && c.Op != "=" && c.Op != "!=" || ordered && (f.is == isSet || f.is == isInSet || f.is == isGiven) {
		return invalid("filter", "%q can't be compared with %q", c.Field, c.Op)
	}
	if strings.ContainsRune(c.Value, 0) {
		return invalid("filter", "the value of %q has a character that no value has", c.Field)
	}
	column := bun.Ident(f.column)
	switch f.is {
	case isText:
		sel.Where("? ? ?", column, bun.Safe(c.Op), c.Value) // Op is one of six
	case isInt:
		n, err := strconv.ParseInt(c.Value, 10, 64)
		if err != nil {
			return invalid("filter", "%q is compared with %q, which is no whole number", c.Field, c.Value)
		}
		sel.Where("? ? ?", column, bun.Safe(c.Op), n)
	case isTime:
		t, err := time.Parse(time.RFC3339Nano, c.Value)
		if err != nil {
			return invalid("filter", "%q is compared with %q; write a time as 2006-01-02T15:04:05Z", c.Field, c.Value)
		}
		sel.Where("? ? ?", column, bun.Safe(c.Op), us(t))
	case isSet, isGiven:
		b, err := strconv.ParseBool(c.Value)
		if err != nil {
			return invalid("filter", "%q is compared with %q; it is true or false", c.Field, c.Value)
		}
		var nothing any = 0
		if f.is == isGiven {
			nothing = ""
		}
		if b == (c.Op == "=") {
			sel.Where("? <> ?", column, nothing)
		} else {
			sel.Where("? = ?", column, nothing)
		}
	case isInSet:
		like := "LIKE"
		if c.Op == "!=" {
			like = "NOT LIKE"
		}
		sel.Where("? ? ? ESCAPE '!'", column, bun.Safe(like), element(c.Value))
	}
	return nil
}

// element is a LIKE pattern that finds a word in a JSON list.
func element(word string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text(word)) + "%"
}

// order sorts, and continues behind the token's keys.
func (l listing) order(sel *bun.SelectQuery, q model.Query) error {
	down := l.newest && !q.Oldest
	after, sort := ">", "ASC"
	if down {
		after, sort = "<", "DESC"
	}
	var columns, marks []string
	for _, k := range l.keys {
		columns = append(columns, k.column)
		marks = append(marks, "?")
		sel.OrderExpr("? ?", bun.Ident(k.column), bun.Safe(sort))
	}
	if q.Token == "" {
		return nil
	}
	values, err := l.parse(q)
	if err != nil {
		return err
	}
	sel.Where(fmt.Sprintf("(%s) %s (%s)", strings.Join(columns, ", "), after, strings.Join(marks, ", ")), values...)
	return nil
}

func (l listing) token(q model.Query, keys []any) string {
	b, err := json.Marshal(cursor{Of: l.question(q), Keys: keys})
	if err != nil {
		return "" // keys are strings and numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// question is a short digest of what was asked, so that a token is not used for something else.
func (l listing) question(q model.Query) string {
	sum := sha256.Sum256([]byte(text([]any{l.name, q.Tenant, q.Where, us(q.Since), us(q.Until), q.Oldest})))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func (l listing) parse(q model.Query) ([]any, error) {
	bad := &model.Error{
		Code: model.CodeExpired, Field: "page_token", Message: "the page token does not belong to this list",
		Remedy: "List again without a token.",
	}
	if len(q.Token) > longestPage {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(q.Token)
	if err != nil {
		return nil, bad
	}
	var c cursor
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&c); err != nil || c.Of != l.question(q) || len(c.Keys) != len(l.keys) {
		return nil, bad
	}
	for i, k := range l.keys {
		switch v := c.Keys[i].(type) {
		case string:
			if k.is != isText {
				return nil, bad
			}
		case json.Number:
			n, err := v.Int64()
			if err != nil || k.is != isInt {
				return nil, bad
			}
			c.Keys[i] = n
		default:
			return nil, bad
		}
	}
	return c.Keys, nil
}
