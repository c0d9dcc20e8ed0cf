# make run and make test are all a newcomer needs; `make help` lists the rest.
.PHONY: help run test test-long chaos bench compose-test format lint protobuf
.DEFAULT_GOAL := help

SOURCES = Package.swift Sources Tests

## help: list what there is
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## run: set up, build for release, start everything on this machine, show a first deployment
run:
	@Scripts/run

## test: set up, build, and run every test
test:
	@Scripts/test

## test-long: the tests, and the endurance case at full length
test-long:
	@ESTIBA_TEST_LONG=1 Scripts/test

## chaos: 200 kills of every part under load, for each of ROUNDS seeds (default 3), checked by what the jobs wrote
chaos:
	@Scripts/chaos

## bench: measure against the peers that are installed
bench:
	@Scripts/setup release
	python3 Benchmarks/bench.py

## compose-test: the containers of compose/ by podman, and the smoke test in them (as root)
compose-test:
	@Scripts/compose-test

## format: lay the source out anew
format:
	swift format -i -r $(SOURCES)

## lint: say where the source is not laid out as it should be
lint:
	swift format lint -s -r $(SOURCES)

## protobuf: make Sources/Messages/Generated anew from estiba.proto (needs Debian's protobuf-compiler)
protobuf:
	swift package resolve
	swift build --package-path .build/checkouts/swift-protobuf --scratch-path .build-protoc --product protoc-gen-swift
	protoc --plugin=.build-protoc/debug/protoc-gen-swift --swift_out=Sources/Messages/Generated \
	    --swift_opt=Visibility=Package --swift_opt=UseAccessLevelOnImports=true --swift_opt=FileNaming=DropPath \
	    -I Sources/Messages Sources/Messages/estiba.proto
	protoc --python_out=examples/subscriber -I Sources/Messages Sources/Messages/estiba.proto
