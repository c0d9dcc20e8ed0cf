# make run and make test are all a newcomer needs; `make help` lists the rest.
.PHONY: protobuf

## protobuf: make Sources/Messages/Generated anew from estiba.proto (needs Debian's protobuf-compiler)
protobuf:
	swift package resolve
	swift build --package-path .build/checkouts/swift-protobuf --scratch-path .build-protoc --product protoc-gen-swift
	protoc --plugin=.build-protoc/debug/protoc-gen-swift --swift_out=Sources/Messages/Generated \
	    --swift_opt=Visibility=Package --swift_opt=UseAccessLevelOnImports=true --swift_opt=FileNaming=DropPath \
	    -I Sources/Messages Sources/Messages/estiba.proto
