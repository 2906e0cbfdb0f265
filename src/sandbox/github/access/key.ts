// Room sandbox: the key pair of the sandbox's GitHub App. It never changes and protects nothing: whoever tries out an app
// signs with the private half, as with the .pem file that GitHub hands out.

/** What an app's JWT has as its issuer. */
export const appId = 'sandbox'

/** The installation that the app has on the organization octo. */
export const installationId = 1

export const appPrivateKey = `-----BEGIN PRIVATE KEY-----
MIIEugIBADANBgkqhkiG9w0BAQEFAASCBKQwggSgAgEAAoIBAQCtCF1IASoD5mnp
x/Pio86qrS0e6aLkb60b8CYCqUnbSL+0cEGPYyOu+ZA07ZxWea6+VlXvUFAJ8X/I
Wh5+OjefZqk6jcpr7YLLwXgUT54bWAFJhTS+V5OEJITET4FrnnDjFh7ceJoJ/QZ6
TUHNKa7o6zOyXZtX2mXM1wqq028c3oXRpY2I3DgavTYfTAbR2ZVm/dUurm1UP7fP
h77E+L9PxfhijyUbGfk0KxPLVYNIZkg7aJIck3UonIMJs63J0NKh3NBM+cAnu+K+
MajqJ5TrWKCyIvkIpBzEZySaRlBYZu9RizZbDQtcYqILdJiFQRlm50XiMT8zau5y
vRObXRq5AgMBAAECgf9LPWOBDtH8DrUt50R3Dn3a6BWrCgQzlrkYMr1rx+tKBkyb
wMAHGZTqo+AcmB6GB2N0vaGgefpTzOmgtTIY39qtDNQVCsFjLO++qfk7le7wDDGa
XdHi8qY+OF0l6IPHDftlfaGn9ve+jrB8lTLNg4zFRvVWvOkJypxiUx+5EQjXG2Ig
M/ADwiNgM3sPTWlcRBNfXQ1SCgJkmyObQnRyXDo+ivBP+0pvaPvMZo7CmqQhj69z
gH4SFRsFiuga+gzVKeR4xijgK1eSEvFMxk2B56XYNkfblBvY520P7UPsqmG+pbUg
zE+OiBh+RbAckCvePE9tkCRo0VTlYJ1HDVXIgEECgYEA6tnfKA/jf4WaIY1jFypX
9Mrx7Hg65darUvJwIZiByXxwe6iIXqqY4Gz2pgiVuXaN87376xvCjqjS2rUmeCAV
D52wSgX+gnFbHyzcXr+U/GXGAtgrhK82EEth5/i62APaD4S/Vih5aRggpcZCQmGz
OL6dMubDyb/9FBQqQiZ/nrECgYEAvJ1dgliIupLksN+NvsbgRY6Y40WpBewDpbUv
TmeIVIAhvakrwFveG7+G0VLyFhw5jJhhmNQ3qzLt4td8Ozku21/iUVpmTeLJyeus
IRBGjqULsNIIQbeVj4eTRmGFVHkR2ER5H0A2+yqjM7sN74qgzk04JGXUSXlTLGJ5
/nh7jokCgYAUjvf7ANEQc7iXYVIgUAOdGTruUWQOhKlAvJpWRoxt/+e02378koCJ
fOBmjm/U6WzpvmLUJPz2Eg9LN/pjH6PYVxx8jmPGNXgdlYbBAJJhOeOIkjXVCqV3
7bFnZh2tFUE8hIlfWHGwYn1RJbbdKsJOoFkQgKT4/0Z/QHimi8o2MQKBgG8dBYlU
Prgq8S6BhC9vWY+ggdDhqMEkWMG2CzhVJasiEL56epvHgwE1w2ZtRtBfsEdzPYua
+XCRgDKyXy1EcqYpxlnGt54KjHW3sJ+Jxwchk9GG6fZNAH6dj9VWfgVVjX2qWPBg
FAPDCoHfIEaNlE30j65hjr36C1WKbfPLZn6BAoGAJbM+4ICSF/ZfSmCpobWYo98z
VylF+NOt38FqlaO87b2qv9hua1PLGDCebBiwidUPPBdT/t2dOAejdddZgwTcV2Y9
nRH6EcnwvuYnI8yZeDusjSm/4hEC+trGPc/LEKIXtKDsX9TOVQw/EIh2ephye6vr
UhEDmoK7Mxgw/3dKqnw=
-----END PRIVATE KEY-----
`

export const appPublicKey = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArQhdSAEqA+Zp6cfz4qPO
qq0tHumi5G+tG/AmAqlJ20i/tHBBj2MjrvmQNO2cVnmuvlZV71BQCfF/yFoefjo3
n2apOo3Ka+2Cy8F4FE+eG1gBSYU0vleThCSExE+Ba55w4xYe3HiaCf0Gek1BzSmu
6Oszsl2bV9plzNcKqtNvHN6F0aWNiNw4Gr02H0wG0dmVZv3VLq5tVD+3z4e+xPi/
T8X4Yo8lGxn5NCsTy1WDSGZIO2iSHJN1KJyDCbOtydDSodzQTPnAJ7vivjGo6ieU
61igsiL5CKQcxGckmkZQWGbvUYs2Ww0LXGKiC3SYhUEZZudF4jE/M2rucr0Tm10a
uQIDAQAB
-----END PUBLIC KEY-----
`
