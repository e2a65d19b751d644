package api

// Routes are those that the server registers, for the tests.
func (s *Server) Routes() (all [][2]string) {
	for _, to := range s.routes() {
		all = append(all, [2]string{to.method, to.pattern})
	}
	return all
}
