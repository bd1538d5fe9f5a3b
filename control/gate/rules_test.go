package gate

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Every method says what it needs; a new one without marks fails here and is refused by the gate.
func TestEveryMethodHasMarks(t *testing.T) {
	rules, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("bulkhead.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				m := f.Services().Get(i).Methods().Get(j)
				n++
				r := rules[procedure(m)]
				switch {
				case r == nil:
					t.Errorf("%s has no option access", m.FullName())
				case r.public() && r.access.GetDangerous():
					t.Errorf("%s is dangerous and public", m.FullName())
				case !r.public() && r.access.GetAction() == "":
					t.Errorf("%s has no action", m.FullName())
				}
			}
		}
		return true
	})
	if n < 50 {
		t.Errorf("only %d methods were found", n)
	}
}
