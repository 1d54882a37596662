# What kernel-build asks of a kernel's configuration, by BP-028 v2, R15 to R27: option → "y", "n" (not set), or a value. `since` and
# `until`: the versions that have the option, the second one excluded.
let
  y = "y";
  n = "n";
  until = version: value: { inherit value; until = version; };
  since = version: value: { inherit value; since = version; };
in
{
  R15 = {
    STRICT_KERNEL_RWX = y;
    DEBUG_WX = y;
    STACKPROTECTOR = y;
    STACKPROTECTOR_STRONG = y;
    SCHED_STACK_END_CHECK = y;
    HARDENED_USERCOPY = y;
    VMAP_STACK = y;
    REFCOUNT_FULL = until "5.5" y;
    FORTIFY_SOURCE = y;
    ACPI_CUSTOM_METHOD = n;
    DEVKMEM = until "5.13" n;
    PROC_KCORE = n;
    COMPAT_VDSO = n;
    SECURITY_DMESG_RESTRICT = y;
  };
  R16 = {
    DEBUG_CREDENTIALS = until "6.6" y;
    DEBUG_NOTIFIERS = y;
    DEBUG_LIST = y;
    DEBUG_SG = y;
    BUG_ON_DATA_CORRUPTION = y;
  };
  R17 = {
    SLAB_FREELIST_RANDOM = y;
    SLAB_FREELIST_HARDENED = y;
    SLAB_MERGE_DEFAULT = n;
    SLUB_DEBUG = y;
    PAGE_POISONING = y;
    COMPAT_BRK = n;
  };
  R18 = {
    STRICT_MODULE_RWX = y;
    MODULE_SIG = y;
    MODULE_SIG_FORCE = y;
    MODULE_SIG_ALL = y;
    MODULE_SIG_SHA512 = y;
    MODULE_SIG_HASH = "sha512";
  };
  R19 = {
    BUG = y;
    PANIC_ON_OOPS = y;
    PANIC_TIMEOUT = "-1";
  };
  R20 = {
    SECCOMP = y;
    SECCOMP_FILTER = y;
    SECURITY = y;
    SECURITY_YAMA = y;
    SECURITY_WRITABLE_HOOKS = until "6.4" n;
  };
  R21 = {
    GCC_PLUGINS = y;
    GCC_PLUGIN_LATENT_ENTROPY = y;
    GCC_PLUGIN_STACKLEAK = until "6.17" y;
    KSTACK_ERASE = since "6.17" y;
    GCC_PLUGIN_RANDSTRUCT = until "5.19" y;
    RANDSTRUCT_FULL = since "5.19" y;
    INIT_STACK_ALL_ZERO = y;
  };
  R22 = {
    SYN_COOKIES = y;
  };
  R23 = {
    KEXEC = n;
    HIBERNATION = n;
    BINFMT_MISC = n;
    LEGACY_PTYS = n;
  };
  R24 = {
    HIGHMEM64G = y;
    X86_PAE = y;
    DEFAULT_MMAP_MIN_ADDR = "65536";
    RANDOMIZE_BASE = y;
  };
  R25 = {
    DEFAULT_MMAP_MIN_ADDR = "65536";
    RANDOMIZE_BASE = y;
    RANDOMIZE_MEMORY = y;
    PAGE_TABLE_ISOLATION = until "6.9" y;
    MITIGATION_PAGE_TABLE_ISOLATION = since "6.9" y;
    IA32_EMULATION = n;
    MODIFY_LDT_SYSCALL = n;
  };
  R26 = {
    DEFAULT_MMAP_MIN_ADDR = "32768";
    STRICT_MEMORY_RWX = y;
    CPU_SW_DOMAIN_PAN = y;
    OABI_COMPAT = n;
  };
  R27 = {
    DEFAULT_MMAP_MIN_ADDR = "32768";
    RANDOMIZE_BASE = y;
    ARM64_SW_TTBR0_PAN = y;
    UNMAP_KERNEL_AT_EL0 = y;
  };
}
