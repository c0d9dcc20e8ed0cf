#!/bin/sh
# A first deployment: says who runs it and where.
echo "Hello, ${1:-you}: this is $(id -un) on $ESTIBA_NODE."
echo "This file lies in $ESTIBA_FOLDER."
echo "This line went to stderr." >&2
