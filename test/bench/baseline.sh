# The container checks of docker-bench-security's section 5, each with one `docker inspect` per container, as
# shell-script benchmarks do. Own text; the questions are those of the CIS Docker Benchmark.
set -eu
containers=$(docker ps -q)

ask() { # ask NAME FORMAT: prints the answer of every container
  for c in $containers; do
    echo "$1 $c $(docker inspect --format "$2" "$c")"
  done
}

ask 5.2 '{{.AppArmorProfile}}'
ask 5.3 '{{.HostConfig.SecurityOpt}}'
ask 5.4 '{{.HostConfig.CapAdd}}'
ask 5.5 '{{.HostConfig.Privileged}}'
ask 5.6 '{{range .Mounts}}{{.Source}}{{"\n"}}{{end}}'
ask 5.8 '{{.NetworkSettings.Ports}}'
ask 5.9 '{{.HostConfig.PortBindings}}'
ask 5.10 '{{.HostConfig.NetworkMode}}'
ask 5.11 '{{.HostConfig.Memory}}'
ask 5.12 '{{.HostConfig.CpuShares}}'
ask 5.13 '{{.HostConfig.ReadonlyRootfs}}'
ask 5.14 '{{.NetworkSettings.Ports}}'
ask 5.15 '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}'
ask 5.16 '{{.HostConfig.PidMode}}'
ask 5.17 '{{.HostConfig.IpcMode}}'
ask 5.18 '{{.HostConfig.Devices}}'
ask 5.19 '{{.HostConfig.Ulimits}}'
ask 5.20 '{{range .Mounts}}{{.Propagation}}{{end}}'
ask 5.21 '{{.HostConfig.UTSMode}}'
ask 5.22 '{{.HostConfig.SecurityOpt}}'
ask 5.25 '{{.HostConfig.CgroupParent}}'
ask 5.26 '{{.HostConfig.SecurityOpt}}'
ask 5.27 '{{if .State.Health}}{{.State.Health.Status}}{{end}}'
ask 5.28 '{{.Config.Image}}'
ask 5.29 '{{.HostConfig.PidsLimit}}'
ask 5.30 '{{range $name, $net := .NetworkSettings.Networks}}{{$name}}{{end}}'
ask 5.31 '{{.HostConfig.UsernsMode}}'
ask 5.32 '{{range .Mounts}}{{.Source}}{{end}}'
