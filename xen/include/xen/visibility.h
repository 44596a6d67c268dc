/* Everything lives in one image: addresses are formed relative to the instruction pointer. */
#pragma GCC visibility push(hidden)
