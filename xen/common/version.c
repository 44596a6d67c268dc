/* What we are: the strings behind the banner and XENVER_*. The build passes the macros. */
#include <xen/lib.h>

const char xen_extraversion[] = XEN_EXTRAVERSION;
const char xen_changeset[] = XEN_CHANGESET;
const char xen_compile_date[] = XEN_COMPILE_DATE;
const char xen_compile_by[] = XEN_COMPILE_BY;
const char xen_compile_domain[] = XEN_COMPILE_DOMAIN;
const char xen_compiler[] = "gcc " __VERSION__;
const char xen_banner[] = "Xen version " XEN_FULLVERSION " (" XEN_COMPILE_BY "@" XEN_COMPILE_DOMAIN
			  ") (gcc " __VERSION__ ") " XEN_COMPILE_DATE "\n"
			  "Latest ChangeSet: " XEN_CHANGESET "\n";
