# Every verb of the project, each a few commands. What a verb needs from Debian it installs itself.

SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
IMAGE ?=
SECONDS ?= 60
TARGET ?=
RUNS ?= 5
QUICK ?=

# The runtime is linked in, so that the binary runs where there is no Swift.
RELEASE := $(SWIFT) build -c release --static-swift-stdlib
BINARY := .build/release/banger-fs
VERSION := $(shell sed -n 's/^.*let version = "\(.*\)"$$/\1/p' Sources/BangerFS/Version.swift)
DEB := .build/deb/banger-fs_$(VERSION)-1_$(shell dpkg --print-architecture).deb
SWIFT_FILES := Package.swift Sources Tests
SCRIPTS := .ci/run $(wildcard Packaging/*) $(wildcard Tests/RealImage/*) $(wildcard Tests/Boot/*) $(wildcard Tests/Bench/*)
INSTALL_DEPENDENCIES := Packaging/install-dependencies

.PHONY: help build test test-boot check fmt fuzz sanitize demo bench bench-publish docs install deb images clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15

build: ## Build the release binary: .build/release/banger-fs
	$(INSTALL_DEPENDENCIES) build
	$(RELEASE) --product banger-fs

test: ## Run all tests
	$(INSTALL_DEPENDENCIES) build run image test deb boot
	$(MAKE) --no-print-directory images deb
	$(SWIFT) build --product banger-fs
	$(SWIFT) test
	Packaging/test-deb $(DEB) .build/images/small
	Tests/Boot/run .build/debug/banger-fs .build/images .build/boot

test-boot: ## Boot materialized images in an emulated machine
	$(INSTALL_DEPENDENCIES) build run image boot
	$(MAKE) --no-print-directory images
	$(SWIFT) build --product banger-fs
	Tests/Boot/run .build/debug/banger-fs .build/images .build/boot

check: ## Check formatting, scripts and the rules of the house
	$(INSTALL_DEPENDENCIES) build check
	$(SWIFT) format lint --strict --recursive --parallel $(SWIFT_FILES)
	shellcheck $(shell grep -lE '^#!/bin/(ba)?sh' $(SCRIPTS) 2>/dev/null)
	python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' \
	  $(shell grep -lE '^#!/usr/bin/env python3|^"""' $(SCRIPTS) 2>/dev/null)
	$(SWIFT) test --filter ArchitectureTests

fmt: ## Format the Swift sources
	$(SWIFT) format --in-place --recursive --parallel $(SWIFT_FILES)

fuzz: ## Fuzz each target, or TARGET, for SECONDS; see docs/FUZZING.md
	$(INSTALL_DEPENDENCIES) build
	Packaging/fuzz $(SECONDS) $(TARGET)

sanitize: ## Run the unit tests with the address and thread sanitizers
	$(INSTALL_DEPENDENCIES) build image test
	$(MAKE) --no-print-directory images
	Packaging/sanitize

demo: build ## Mount and materialize a real image; IMAGE=REF takes another
	$(INSTALL_DEPENDENCIES) build run image
	Packaging/demo $(BINARY) .build/demo $(IMAGE)

bench: build ## Measure beside other tools: RUNS times (5); QUICK=1 only tries it. See docs/PERFORMANCE.md
	$(INSTALL_DEPENDENCIES) run image bench
	Packaging/bench $(if $(QUICK),--quick) --runs $(RUNS) $(BINARY) .build/bench

bench-publish: ## Copy the last results of bench into docs/PERFORMANCE.md
	Packaging/bench --publish .build/bench

docs: build ## Write manual pages and completions to .build/docs
	$(RELEASE) --product generate-manual
	Packaging/build-docs $(BINARY) .build/release/generate-manual .build/docs $(VERSION)

install: ## Install what `make build docs` made, below DESTDIR and PREFIX
	@test -x $(BINARY) -a -d .build/docs || { echo 'run "make build docs" first' >&2; exit 1; }
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/banger-fs
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man1 .build/docs/man/*.1
	install -D -m 0644 .build/docs/banger-fs.bash \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/banger-fs
	install -D -m 0644 .build/docs/banger-fs.zsh \
	  $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_banger-fs
	install -D -m 0644 .build/docs/banger-fs.fish \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/banger-fs.fish

deb: docs ## Build the Debian package in .build/deb
	$(INSTALL_DEPENDENCIES) build deb
	Packaging/build-deb $(VERSION) $(DEB)

# The images that tests and benchmarks read. Each is kept until its script changes.
images:
	$(INSTALL_DEPENDENCIES) image
	Tests/RealImage/build-image .build/images/debian
	Tests/RealImage/build-image --small .build/images/small
	Tests/RealImage/build-image --boot .build/images/boot
	Tests/RealImage/recompress .build/images/debian .build/images/debian-zstd

clean: ## Remove everything that was built
	rm -rf .build 2>/dev/null || Packaging/as-root rm -rf .build
