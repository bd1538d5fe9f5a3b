package solve_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/solve"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// common are Dockerfiles as people write them. None is unknown; restricted is the rule that it is refused by in that profile, if by one, and
// both in each.
var common = map[string]struct {
	text, images, restricted, both string
}{
	"go, for several platforms": {text: `# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM golang:1.24-alpine AS build
ARG TARGETOS TARGETARCH
ARG VERSION=dev
WORKDIR /src
RUN --mount=type=bind,source=go.mod,target=go.mod --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,id=build-$TARGETARCH,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -ldflags "-X main.version=${VERSION#v}" -o /app ./cmd/app
FROM scratch
COPY --from=build /app /app
USER 65532
ENTRYPOINT ["/app"]
`, images: "golang:1.24-alpine"},
	"node, with a version and a secret": {text: `ARG NODE_VERSION=22.11
ARG VARIANT=alpine
FROM node:${NODE_VERSION}-${VARIANT} AS deps
WORKDIR /app
COPY package*.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc,uid=${UID:-0} npm ci
FROM node:${NODE_VERSION}-${VARIANT:-alpine}
ENV NODE_ENV=production PATH=/app/node_modules/.bin:$PATH
COPY --from=deps --chown=node:node /app/node_modules ./node_modules
COPY . .
USER node
CMD ["node", "server.js"]
`, images: "node:22.11-alpine"},
	"python, with documents": {text: `FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1
RUN <<EOF
set -e
apt-get update
apt-get install -y --no-install-recommends curl
rm -rf /var/lib/apt/lists/*
EOF
COPY <<"EOF" /app/run.py
from os import environ
import sys
print(environ["X"], sys.argv)
EOF
COPY requirements.txt .
RUN --mount=type=cache,target=$HOME/.cache/pip pip install -r requirements.txt
CMD ["python", "/app/run.py"]
`, images: "python:3.13-slim"},
	"python, with a tool of an image": {text: `FROM python:3.12-slim-bookworm
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /uvx /bin/
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/uv --mount=type=bind,source=uv.lock,target=uv.lock uv sync --locked
ADD . /app
`, images: "python:3.12-slim-bookworm ghcr.io/astral-sh/uv:0.5.11"},
	"an address of a platform": {text: `FROM debian:12.8
ARG TARGETARCH
ARG TARGETVARIANT
ARG KUBECTL=v1.31.0
ADD --chmod=755 https://dl.example/release/${KUBECTL}/bin/linux/${TARGETARCH}${TARGETVARIANT}/kubectl /usr/bin/
`, images: "debian:12.8", both: "build-remote"},
	"rust, stage upon stage": {text: `FROM rust:1.83-slim AS chef
RUN cargo install cargo-chef
WORKDIR /app
FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json
FROM chef AS builder
COPY --from=planner /app/recipe.json recipe.json
RUN cargo chef cook --release --recipe-path recipe.json
COPY . .
RUN cargo build --release
FROM gcr.io/distroless/cc-debian12@sha256:3310655aac0d85eb9d579792387af1ff3eb7a1667823478be58020ab0e0d97a8 AS runtime
COPY --from=builder /app/target/release/app /
ENTRYPOINT ["/app"]
`, images: "rust:1.83-slim gcr.io/distroless/cc-debian12@sha256:3310655aac0d85eb9d579792387af1ff3eb7a1667823478be58020ab0e0d97a8"},
	"php, with composer": {text: `FROM php:8.4-fpm AS base
COPY --from=composer:2.8 /usr/bin/composer /usr/bin/composer
RUN apt-get update && apt-get install -y git unzip
FROM base
COPY . /var/www
RUN --mount=type=ssh composer install --no-dev
`, images: "php:8.4-fpm composer:2.8"},
	"java, in layers": {text: `FROM eclipse-temurin:21.0.5_11-jre AS builder
ARG JAR_FILE=target/*.jar
COPY ${JAR_FILE} application.jar
RUN java -Djarmode=layertools -jar application.jar extract
FROM eclipse-temurin:21.0.5_11-jre
COPY --from=0 application/dependencies/ ./
COPY --from=builder application/application/ ./
LABEL org.opencontainers.image.title="app" org.opencontainers.image.version=$VERSION
HEALTHCHECK CMD curl -f http://localhost:8080/health || exit 1
ENTRYPOINT ["java", "org.springframework.boot.loader.launch.JarLauncher"]
`, images: "eclipse-temurin:21.0.5_11-jre"},
	"an archive of a version": {text: `FROM ubuntu:24.04
ARG DEBIAN_FRONTEND=noninteractive
ARG VERSION=1.2.3
ENV APP_HOME=/opt/app-${VERSION}
ENV SHORT=${VERSION%.*} DASHED=${VERSION//./-}
ADD app-${DASHED}.tar.gz ${APP_HOME}/
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl -fsSL https://example.com/key.asc | gpg --dearmor > /usr/share/keyrings/k.gpg
WORKDIR $APP_HOME
EXPOSE 8080
STOPSIGNAL SIGTERM
`, images: "ubuntu:24.04"},
	"an image to be built upon": {text: `FROM node:22.11
ONBUILD ARG NODE_ENV
ONBUILD ENV NODE_ENV=$NODE_ENV
ONBUILD COPY package.json /usr/src/app/
ONBUILD RUN npm install
CMD ["npm", "start"]
`, images: "node:22.11"},
	"web pages": {text: "FROM nginx\nCOPY nginx.conf /etc/nginx/nginx.conf\nADD site.tar.gz /usr/share/nginx/html\n", images: "nginx", restricted: "build-base"},
	"a choice by an argument": {text: `ARG ENVIRONMENT=production
FROM alpine:3.20 AS development
ENV LEVEL=debug
FROM alpine:3.21 AS production
ENV LEVEL=info
FROM ${ENVIRONMENT} AS final
RUN echo $LEVEL
`, images: "alpine:3.20 alpine:3.21"},
}

// What people write is understood, and lets through what should pass.
func TestCommonDockerfiles(t *testing.T) {
	for name, c := range common {
		t.Run(name, func(t *testing.T) {
			for _, profile := range []string{"baseline", "restricted"} {
				s, err := solve.Dockerfile(t.Context(), []byte(c.text), &call.BuildFile{Own: true, Platforms: []string{"linux/amd64", "linux/arm64"}}, nil)
				if err != nil || len(s.Unknown) > 0 {
					t.Fatal(err, s)
				}
				var images []string
				for _, i := range s.Images {
					images = append(images, i.Name)
				}
				if got := strings.Join(images, " "); got != c.images {
					t.Errorf("images %q", got)
				}
				want := c.both
				if profile == "restricted" && want == "" {
					want = c.restricted
				}
				err = judged(t, profile, s)
				var no *call.Refusal
				switch errors.As(err, &no); {
				case want == "" && err != nil:
					t.Errorf("%s: %v", profile, err)
				case want != "" && (no == nil || !strings.HasSuffix(no.Rule, want)):
					t.Errorf("%s: %v %+v", profile, err, no)
				}
			}
		})
	}
}

func judged(t *testing.T, profile string, s *call.Solve) error {
	t.Helper()
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := judge.New(judge.Parts{Decider: e, Log: records{}, Workloads: asked{}, Tenant: model.SystemTenant, Host: "h1", Profile: profile})
	return j.Judge(t.Context(), &call.Ask{
		Subject: &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: "root"}, Name: "root", Tenant: model.SystemTenant, Auth: model.Strength{MFA: true}, Roles: []string{model.RoleAdministrator}}},
		Call:    &route.Call{Route: &route.Route{Method: route.GRPC, Action: "BuildSolve", On: route.Engine, Effect: route.Changes, Body: route.HTTP2}},
		Body:    s,
	})
}

// records keeps nothing.
type records struct{}

func (records) Append(context.Context, model.Record) error { return nil }
func (records) Later(context.Context, model.Record) error  { return nil }

// asked takes a build for what it asks for.
type asked struct{}

func (asked) Harden(context.Context, *call.Ask) ([]string, error) { return nil, nil }

func (asked) Facts(_ context.Context, a *call.Ask) (map[string]any, error) {
	w := (&workload.Reader{Texts: shown{}, Defaults: workload.Defaults{Seccomp: "default", AppArmor: "docker-default", NoNewPrivileges: true}}).FromSolve(a.Body.(*call.Solve))
	return workload.Facts(&w, workload.Extra{Tenant: a.Subject.Principal.Tenant}), nil
}

// shown hides nothing.
type shown struct{}

func (shown) Env([]string) ([]string, []model.SecretSighting) { return nil, nil }

func (shown) Args(_ string, args []string) ([]string, []model.SecretSighting) { return args, nil }

func (shown) Map(_ string, m map[string]string) (map[string]string, []model.SecretSighting) {
	return m, nil
}
