/* SPDX-License-Identifier: ISC */
/*
 * Keys to sign messages with in tests, their records, and a signed message. The RSA key of 1024
 * bits and the Ed25519 key are those of RFC 8463 appendix A; the others were
 * made for these tests and are used nowhere else.
 */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

static const char rsa1024_private[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
    "KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
    "AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
    "6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
    "zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
    "6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
    "uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n"
    "WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
    "WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
    "licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
    "o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
    "uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char rsa1024_record[] =
    "v=DKIM1; k=rsa; p="
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08"
    "a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR"
    "+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l"
    "/K4w3QIDAQAB";

static const char rsa2048_private[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEpQIBAAKCAQEAztDTNSuawW8bREo8Mpzy6ncEt6Dw5DxTSTtmBpGGahxEiFeY\n"
    "GIli31L4lA3m6MvydqDyHEOxdL6lmzyBl0ene+TxEEzZty7zb+8aKraSpQj2muJi\n"
    "H5TCOx90/dmsoERK4kqU53zDij7/lZsfv5ScLSnwnhu9XUsEUX500apLaeaxMgtA\n"
    "tIlpyMQ2sSq9zsopbM9qA9UWcnm48e/bi0Uq4VGVL/eLb+pp9PnT+TIoptvBNaAF\n"
    "Jdo/QFSVj2n8cDaL6E/CaufqlsHpklUhOfgaQGzHPEfex2HDmr5EEChYqarhzVCw\n"
    "f2Ld0/T8O9ki1yc6l0EVfud3fkSGjyx5SYNtowIDAQABAoIBAB1lonfu1EcFh38r\n"
    "/CWHmKHKPCHr3wHaL058AnMRkWUY0ob8yHJIaQTscsf8t+NERhklpHRvDNTW2oxX\n"
    "y+XYeg6KytcxzUqUAmdZOcNzgyGxRfhbEG6Dwx4LSSJiI/795hUHW+YRnmvSq5q0\n"
    "24zsT0y+JuUadU7DAICi9HDu/1w0fGQfU26O7BiWLgt6sxKw4n6VghW1/EPttp1H\n"
    "BdY9CAaot1CRM7j0/y2b5YdjBPjn4PjX4SNvLYluYT6slvAsU/DLoB/2t/eIu0Wj\n"
    "J2HzGaVe312U1A223MSDwjWc7G7jp24Kj5apGl0P+d97A81bAhG64oVpb25P746e\n"
    "5U4qBKkCgYEA8SVl2GTnAq8Us7jQ+iHbCxBpa5DmnxJJah1aKkWpOGyZV5MH9+Jn\n"
    "RQcxhfxA4yL2OIvBiJ+5+Z90jFMAuBdcEZArm1R7hZ+G5pMxXSBqX6YatEc6bXxd\n"
    "m+UEshQcXMXbEIUPCfRedTcdDukLS6J0YHsg11kxb3mqAmdKM+5FA/kCgYEA244T\n"
    "d7sr/wsAzAm2Q6TpJm1vxcbl5JL88dIpojuKfUV5GoaQ11SbT2XfaZXDb92ZVQjD\n"
    "7SyK9E8UepgNKTrSspg9MK0QtKdoAOlj9hXGhBTGmeB6Q5A3RTpZDPA9ctjNn74D\n"
    "XHKtbixMkn/q1tMeWKdYqxL74PlsJT+S6FhV7XsCgYEA6exTTYUkKxBXzreb0OkC\n"
    "qUr0WKopbWm52bw7eQI2U0vVvIQemLIBZ47A1a6L60pA+z1nMfdv2tx5nJ3v9qSC\n"
    "ZW8rPfTIFilYHVfv7NzDE6H4CaWG4ipgTBfvZCfqE3zDMtVAb3GkJ6SdBZe/o1El\n"
    "/2mxw/T75Z1p9AbqjlG2lVECgYEAmb/GtkPmrXXBGyF596jWdMiSS0fb2dNtOtLX\n"
    "wPo9Izixc/fkGkbvdAx9BW2RLRdbtwaqXb6hmDCAwNEV9ldxEQw3XYz0c+3/kRPf\n"
    "oobhO8Foyn0+YW3uppYTolHiVjio1kK0C9tqxApVnQnjJIk3aRHXsAVdSdChAPyi\n"
    "Hf8uPV0CgYEA6KTjXy2MIDuC72vTsTP3dodRmhFL5MQgtOaRGcUM1gY+zW/YDzKG\n"
    "V9lAB+3Gt6tf/iwTNYFQ6l+nHKpJETol/5ROy1YqvpnJLFGIfk3/2mdXWQGB0ghx\n"
    "G8MA7hSUoNcgGoqnB1jDnUW6ozxdUdx31pEp+FuOpAF1DVs6Bc4hW7A=\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char rsa2048_record[] =
    "v=DKIM1; k=rsa; p="
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAztDTNSuawW8bREo8Mpzy6ncE"
    "t6Dw5DxTSTtmBpGGahxEiFeYGIli31L4lA3m6MvydqDyHEOxdL6lmzyBl0ene+TxEEzZ"
    "ty7zb+8aKraSpQj2muJiH5TCOx90/dmsoERK4kqU53zDij7/lZsfv5ScLSnwnhu9XUsE"
    "UX500apLaeaxMgtAtIlpyMQ2sSq9zsopbM9qA9UWcnm48e/bi0Uq4VGVL/eLb+pp9PnT"
    "+TIoptvBNaAFJdo/QFSVj2n8cDaL6E/CaufqlsHpklUhOfgaQGzHPEfex2HDmr5EEChY"
    "qarhzVCwf2Ld0/T8O9ki1yc6l0EVfud3fkSGjyx5SYNtowIDAQAB";

static const char rsa1023_private[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICWwIBAAKBgGquTXJmH2JmtHjJ7XRVqkBx/nI2ApNN1ySKXcjAgNewUVrKqkXA\n"
    "5vUNoqY/0WmHWfd4oC7/oPgbG87xTJcv+sHlp1vzlQsHQzoSD5MDkX3Uz8LT6MOt\n"
    "rDWzyMSpdlZzrJz8a6HA/F/YbWXaGB+KgbGDRtFrIfRjeDrX2g0N8ZUxAgMBAAEC\n"
    "gYAOugcY7r4QYGszbXSpJZY+FT5x18DdQtabRbqSlvhyTfW9GdMNlAaN95bnalHn\n"
    "RncF8ZHzSviWp29cTvUqvcXYwz1bfchbCOwJY/d5mvy1YxRRpHsFy2Q0budmv5zI\n"
    "7TC8NfNBzZJg9fGL7upmUaX1F1ag/61DmBuKgI/VNxmMbQJBAPT1QD9ofUsVJTc8\n"
    "cYhHIV41f1kEHoV4WKq/chFfAWGlhkBoiRell6ayL01rD3TkClXCFKi3vLjFHGql\n"
    "x/o1JYMCQG99Xu7H4RbXLG0CV3yjy9+QMqYyT810hro04Yxq9kb692s9erbcEpO8\n"
    "kybFMXkgng7TFM9eCs5Zg6tOTx/TUDsCQQDip4srIKPONWKaGXNzhV16rkWHOCiF\n"
    "lzVzyHDjYeUFVQND1XYES1RnCbh7CfTjU528fDhhZKFa1gfVJlBDU6nBAkAadVVP\n"
    "M44+fmgjopeik7ixYKY0fOIlbw7+J8iTK1sw8yQ+hgOWW9nox6rgW5HnHg+EkyFw\n"
    "KPBFkkbGI7pxYhO7AkEAuRuEee0A5sqt+1yFob+ewlKlJ5ARBKSlacEV3M8oR5Ug\n"
    "6J+5gEvyK1CjCEf1WG6Zqer5hhKJwJPnYTBbiMN81g==\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char rsa1023_record[] =
    "v=DKIM1; k=rsa; p="
    "MIGeMA0GCSqGSIb3DQEBAQUAA4GMADCBiAKBgGquTXJmH2JmtHjJ7XRVqkBx/nI2ApNN"
    "1ySKXcjAgNewUVrKqkXA5vUNoqY/0WmHWfd4oC7/oPgbG87xTJcv+sHlp1vzlQsHQzoS"
    "D5MDkX3Uz8LT6MOtrDWzyMSpdlZzrJz8a6HA/F/YbWXaGB+KgbGDRtFrIfRjeDrX2g0N"
    "8ZUxAgMBAAE=";

static const char ed25519_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

static const char ed25519_record[] =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/* RFC 8463 appendix A.3 */
static const char rfc8463_message[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
    " d=football.example.com; i=@football.example.com;\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
    " subject : date : message-id : from : subject : date;\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
    " d=football.example.com; i=@football.example.com;\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
    " date : message-id : from : subject : date;\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
    "From: Joe SixPack <joe@football.example.com>\n"
    "To: Suzie Q <suzie@shopping.example.net>\n"
    "Subject: Is dinner ready?\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
    "\n"
    "Hi.\n"
    "\n"
    "We lost the game.  Are you hungry yet?\n"
    "\n"
    "Joe.\n";

#endif
