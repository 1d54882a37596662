# What baseline-hardening asks of sysctl: key → value, or the expectation that it must meet. By BP-028 v2, R9 to R14.
{
  kernelSettings = {
    "kernel.dmesg_restrict" = 1;
    "kernel.kptr_restrict" = 2;
    "kernel.pid_max" = 65536;
    # 0 would switch the limit off.
    "kernel.perf_cpu_time_max_percent" = 1;
    "kernel.perf_event_max_sample_rate" = 1;
    "kernel.perf_event_paranoid"."$ge" = 2;
    "kernel.randomize_va_space" = 2;
    "kernel.sysrq" = 0;
    # 2 could be taken back at run time.
    "kernel.unprivileged_bpf_disabled" = 1;
    "kernel.panic_on_oops" = 1;
  };
  ipv4Settings = {
    "net.core.bpf_jit_harden" = 2;
    "net.ipv4.icmp_ignore_bogus_error_responses" = 1;
    "net.ipv4.tcp_rfc1337" = 1;
    "net.ipv4.tcp_syncookies" = 1;
  };
  ipv4InterfaceSettings = {
    accept_local = 0;
    accept_redirects = 0;
    secure_redirects = 0;
    accept_source_route = 0;
    shared_media = 0;
    route_localnet = 0;
    send_redirects = 0;
    arp_ignore = 2;
    arp_filter = 1;
    drop_gratuitous_arp = 1;
    # systemd sets 2, which is loose.
    rp_filter = 1;
    log_martians = 1;
  };
  ipv6InterfaceSettings = {
    router_solicitations = 0;
    accept_ra_rtr_pref = 0;
    accept_ra_pinfo = 0;
    accept_ra_defrtr = 0;
    autoconf = 0;
    accept_source_route = 0;
    max_addresses = 1;
  };
  fileSystemSettings = {
    "fs.suid_dumpable" = 0;
    "fs.protected_fifos" = 2;
    "fs.protected_regular" = 2;
    "fs.protected_symlinks" = 1;
    "fs.protected_hardlinks" = 1;
  };
}
