#!/bin/sh
# Compiles a crate of this repository with counters for libFuzzer and with the crate `guided`. Cargo calls this instead of rustc
# (RUSTC_WORKSPACE_WRAPPER), so the other crates need not be compiled again. FUZZ_LIBRARIES is the directory of `guided`.
case " $* " in
*" --crate-name build_script_"*) exec "$@" ;;
esac
exec "$@" --cfg guided --extern "guided=$FUZZ_LIBRARIES/libguided.rlib" -L "dependency=$FUZZ_LIBRARIES/deps" \
    -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table -C llvm-args=-sanitizer-coverage-trace-compares
