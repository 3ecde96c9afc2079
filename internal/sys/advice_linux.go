package sys

// KnowsAdvice tells whether this kernel knows an advice that it has just refused: it
// takes it for a page of anonymous memory.
func KnowsAdvice(a Advice) bool {
	r, err := MapAnonymous(PageSize, ProtRead|ProtWrite, false)
	if err != nil {
		return false
	}
	known := r.Advise(a, 0, PageSize) == nil
	return r.Release() == nil && known
}
