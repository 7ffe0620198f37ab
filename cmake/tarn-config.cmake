# tarn::tarn is the shared library, tarn::static the static one, and tarn::worker the program for
# .worker_program of a tarn_process_pool(): $<TARGET_FILE:tarn::worker> is its path.
include(CMakeFindDependencyMacro)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/tarn-targets.cmake)
