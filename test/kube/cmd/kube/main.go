// Command kube is Kubernetes' own API server, for tests. What it is called decides what it is: so far kube-apiserver only.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // its JSON form of logs
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kube-apiserver":
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	default:
		fmt.Fprintln(os.Stderr, name+": call it kube-apiserver")
		os.Exit(2)
	}
}
