package authn

import "testing"

func testStore(testing.TB) Store { return newMemory() }
