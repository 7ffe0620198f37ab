#!/bin/sh
# called.sh READELF PROGRAM...
#
# Checks that each program is what its name says: that programs_static is static, and so on.
set -eu

readelf=$1
shift
failed=0

is() { # yes|no OPTION WORDS
    found=no
    if "$readelf" --wide "$2" "$program" | grep -q -e "$3"; then found=yes; fi
    if [ $found != "$1" ]; then
        echo "$program: readelf $2: '$3': $found"
        failed=1
    fi
}

for program; do
    case $program in
        */programs_pie) is yes --file-header DYN && is yes --program-headers INTERP ;;
        */programs_no_pie) is yes --file-header EXEC && is yes --program-headers INTERP ;;
        */programs_static) is yes --file-header EXEC && is no --program-headers INTERP ;;
        */programs_static_pie) is yes --file-header DYN && is no --program-headers INTERP ;;
        */programs_stripped) is no --sections '\.symtab' ;;
        */programs_sections) is no --symbols answer_unused && is yes --symbols answer_of_archive ;;
        */programs_without_build_id) is no --notes 'Build ID' ;;
        */programs_shared) is yes --dynamic 'NEEDED.*libtarn' ;;
    esac
done
exit $failed
