//! A private key for tests: ring verifies RSA and does not generate its keys. It is used for nothing else.

/// RSA key of 2048 bits in PKCS#1, as base64.
pub const RSA_KEY: &str = "\
    MIIEowIBAAKCAQEA0nzLap+spRuwfz8Q8Zl0nTxA5M6MEJJF9WH0G3sDitQnEOzwM7fVBQRpaM3kszsuUzKtY7+tDfOBIpOySx/z\
    HcExgXbVF6Kh0x3Yg4T9pxm3MnkrENlHRxru9UjaLiqx96Vb1LcfLJiDVZdOSXpKiQEl+wVMqe0MasRjyApgwagerQybu5svln3E\
    4riCijOo+Xn8LlLUfBzX2w/XEqJhem2ejY24pUnBQ0P3Z4MYFuVNbgWNuorI457qv3DEAcO5jgjLhLDIUKSoNZUPn4vrQLPEsBNJ\
    yjeTtTTHx+r8HQUM8dhotueovJZ6y09y60RCiPLeD9K+Ko4Ykm70CGsx/wIDAQABAoIBAAPY0FCRVD58zzPB+ehBNyRah+DpkmOs\
    Dc1b4ol4xCF9SNt/eFyRnfQyBU9ZuuRyyQnS3VSp36ZnlFAeJb4Y7uODdrfBJ9RQtb6GtbT/GdT2UNslKYEEGcSe9uUp7I+gFJdp\
    UlB5KlEaBQWO8Q2TMF+jGPaPd42LrbF2wgp2f+li3QYh9hhkl9zhdYYesONxVmf3lhXMXOS0WhY01OUPKxth0Ai7+gD1NCmtU1g3\
    ZcrIeoYn+8isZ8wih3xsuwc7ApDoSw1fZEpN6V9Ie/uvlrgbTCu4TGtgUNTEBWPPtDp45DatVvgNsevQm5o4y/+g492QK4/h8Lnq\
    HvsLnjACqpkCgYEA+W6TgLuxu/MKcXboCMj3dZGV4SHUJ++dO82ayKfqq0zzV2wiGMJpkFdXzbi1qqwzR0r2z70SdQ7d5Mq1mKLt\
    r+cvb0ao8ZePFvEKAr4iGp3/WV+2O3/rqndeF97nOH4v8Qby4+qylr2y5yvFkpe//lyYGj8xv9RgZUZWph/YUikCgYEA2Aexfb60\
    EkfCb6LVQ2jgo9wfePqK+xcFVSZV2/iDlZKyLSv39xUqMZGdRbsUOoAs+rje+gFG1fRzxdtFOEy6lnWOXAM336/XS6C691DRvzaz\
    E9iVh0rFV9lPa8uY15EH7WgreXG5wOSJI1C5DcUAgMaVESeO5nz5WWXeAN7Id+cCgYBpSdPZs2EDBUSTQK4Rh0NtzVaHAdCcSvkE\
    FXYQ3VChnonZjTuXV/lXhIb7v8xvjuDWZz5n0lfIMc5YlXiyRZQvfFb5kcoesOsls/mVzsx2j9sJzu0NkKHaAykkymKv5hQ2mchN\
    jPR1zP2Ht2Jezs+sf0l1StelMfC+z0IkPa0CgQKBgQCuSs61wAWydfj2bq6XW2dabL9rsOAuoq0nvO0qsz8ejyN39HB0BbxsD6qO\
    1tgENuOTSVKE7EDFYBuD91vKh4VG3QOFUwdiTpFqL/yIiske97fVfDlv1TCQpwA/3RysVxPJQ/FHYyzV5syKFJeo91dnjlA4be0K\
    IqxepyRNGXEt4wKBgBKfxNiWDdh0YDOfTCMj9S4muFd32huGnYGduquLmhKs6vbH70XIun032Qb4vx4WarzbNE/jrIYQOO/uadVE\
    StdAMq5MibXwvGjXcLYz7NvToZTFG1z7D+1/Eaof1beWaIuZ/9RAmQzsLOuPEAaFBCo/IRFpSHf7h6xb90bxqnfZ";
