package signature

// A key of nobody, and what openssl signed with it.
const (
	oldPublic = "g3M9dLgW46lT52aPpHpWKRiYn84tv2j2uu7TwmEF2YY="
	oldHeader = "v1 84d4421e 2026-01-02T14:04:05Z rY4+Z5f9sf5HvVCpah5ASKirLJraQ6AHQOnj352BG88h1pGRsJr5dLNaZDYCIqgwaOxOPFaMrEKxb9yDWQ/mAA=="
)
