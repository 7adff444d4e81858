package seal

// A key of nobody, and what was sealed with it.
const (
	oldKey = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIGigBrmysR1iYycUKADVgB1oKWMgWuYFETOowHWR+916
-----END PRIVATE KEY-----
`
	oldPublic = "docker-worker-seal-v1 WfFVinBW7Gy3bNSEcuiTLFZNx/nTUXpbK4rexPdQxCM="
	oldSealed = "v1.e8bc0401.BDz3A6NI7EZdm6uUH0C8HiH9pnRhu3Hu19hTKxDZ1QsVg6hM2aU3bf952hEJSYeLC2aqG14_J4U4zvbPpmGRLeQGIgOQwDmFmOA0Dw"
)
