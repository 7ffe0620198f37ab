# What `cmake --install` puts down: headers, libraries, tarn-worker, tarn.pc and the CMake package.

include(CMakePackageConfigHelpers)

install(FILES include/tarn.h include/tarn_macros.h include/tarn_backend.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(libraries tarn_static)
if(TARN_SHARED)
    list(APPEND libraries tarn)
endif()
install(TARGETS ${libraries} EXPORT tarn)

set(worker_folder ${CMAKE_INSTALL_LIBEXECDIR}/tarn)
set(full_worker_folder ${CMAKE_INSTALL_FULL_LIBEXECDIR}/tarn)
if(TARGET tarn_worker)
    file(RELATIVE_PATH libdir_from_worker ${full_worker_folder} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(tarn_worker PROPERTIES INSTALL_RPATH "$ORIGIN/${libdir_from_worker}")
    install(TARGETS tarn_worker EXPORT tarn DESTINATION ${worker_folder})
    file(RELATIVE_PATH worker_from_prefix
        ${CMAKE_INSTALL_PREFIX} ${full_worker_folder}/tarn-worker)
    set(worker_line "worker_program=\${prefix}/${worker_from_prefix}")
endif()

set(pkgconfig_folder ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pc ${pkgconfig_folder} ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH includedir_from_prefix
    ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
file(RELATIVE_PATH libdir_from_prefix ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
configure_file(cmake/tarn.pc.in tarn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tarn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tarn)
install(EXPORT tarn
    NAMESPACE tarn::
    FILE tarn-targets.cmake
    DESTINATION ${package_folder})
write_basic_package_version_file(tarn-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/tarn-config.cmake ${PROJECT_BINARY_DIR}/tarn-config-version.cmake
    DESTINATION ${package_folder})
