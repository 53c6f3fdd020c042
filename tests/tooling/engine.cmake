# Read by CMake behind llama-cpp-python's project(). llama.cpp's `common` library serves its own programs and is no part of the
# wheel; a plain variable is stronger than the cache entry by which llama-cpp-python asks for it.
set(LLAMA_BUILD_COMMON OFF)
