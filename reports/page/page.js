"use strict";
const canarylab = { panel() {}, start() {} };
