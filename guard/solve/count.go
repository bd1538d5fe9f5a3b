package solve

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mostFields is how many fields a message may have, with those in it. An empty message in a message is two bytes that become hundreds.
const mostFields = 100_000

// count says how many fields a text has as a message of that type, before any of them is read; it stops at more than the most.
func count(text []byte, as protoreflect.MessageDescriptor) (int, error) {
	n := 0
	if err := counted(text, as, deepest, &n); err != nil {
		return n, fmt.Errorf("it is no %s: %w", as.FullName(), err)
	}
	return n, nil
}

func counted(text []byte, as protoreflect.MessageDescriptor, deep int, n *int) error {
	if deep == 0 {
		return errors.New("its messages are in each other too deep")
	}
	for len(text) > 0 {
		number, kind, head := protowire.ConsumeTag(text)
		if head < 0 {
			return protowire.ParseError(head)
		}
		if kind == protowire.StartGroupType || kind == protowire.EndGroupType {
			return fmt.Errorf("%s has groups, which the guard does not know", as.FullName())
		}
		size := protowire.ConsumeFieldValue(number, kind, text[head:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		if *n++; *n > mostFields {
			return fmt.Errorf("%w: it has more than %d fields", ErrTooMuch, mostFields)
		}
		if kind == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(text[head:])
			if err := within(inner, as.Fields().ByNumber(number), deep, n); err != nil {
				return err
			}
		}
		text = text[head+size:]
	}
	return nil
}

// within counts what a field has in it.
func within(inner []byte, f protoreflect.FieldDescriptor, deep int, n *int) error {
	switch {
	case f == nil: // which is refused when it is read
	case f.Message() != nil:
		return counted(inner, f.Message(), deep-1, n)
	case f.IsList() && f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind: // numbers, of a byte at least
		if *n += len(inner); *n > mostFields {
			return fmt.Errorf("%w: it has more than %d fields", ErrTooMuch, mostFields)
		}
	}
	return nil
}
