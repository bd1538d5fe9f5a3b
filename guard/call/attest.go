package call

import (
	"fmt"
	"strings"

	"github.com/tonistiigi/go-csvvalue"
)

// AttestArg begins the build arguments that ask the builder for attestations as "attest:TYPE" does: BUILDKIT_ATTEST_TYPE.
const AttestArg = "BUILDKIT_ATTEST_"

// DefaultGenerator is the image that lists what is in what is built (SBOM) where a build that asks for the list names none.
const DefaultGenerator = "docker/buildkit-syft-scanner:stable-1"

// Generators are the images that the builder would run to describe what it built, for an attestation of a type with what it is told.
func Generators(kind, told string) ([]string, error) {
	var list []string
	if told != "" {
		fields, err := csvvalue.Fields(told, nil) // as the builder does
		if err != nil {
			return nil, fmt.Errorf("the attestation %.50q: %w", kind, err)
		}
		for _, f := range fields {
			if key, image, _ := strings.Cut(f, "="); key == "generator" {
				list = append(list, image)
			}
		}
	}
	if len(list) == 0 && strings.ToLower(kind) == "sbom" { // as the builder does
		list = append(list, DefaultGenerator)
	}
	return list, nil
}
