// Workers: imported first. jsforce 3 pulls in `punycode`, of whose deprecation Node tells everybody at every start;
// nobody who runs Sluice can do anything about it.

import process from 'node:process'

Object.assign(process, { noDeprecation: true })
