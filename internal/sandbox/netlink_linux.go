package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// attribute is one piece of a netlink message: a type and a value.
func attribute(kind uint16, value []byte) []byte {
	size := syscall.SizeofRtAttr + len(value)
	b := make([]byte, (size+3)&^3) // each begins at a multiple of four
	binary.NativeEndian.PutUint16(b, uint16(size))
	binary.NativeEndian.PutUint16(b[2:], kind)
	copy(b[syscall.SizeofRtAttr:], value)
	return b
}

// rtnetlink speaks to the part of the kernel that keeps addresses and routes of this network namespace.
type rtnetlink struct {
	socket   int
	sequence uint32
}

func dialNetlink() (*rtnetlink, error) {
	socket, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := syscall.Bind(socket, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		_ = syscall.Close(socket)
		return nil, fmt.Errorf("bind a netlink socket: %w", err)
	}
	return &rtnetlink{socket: socket}, nil
}

func (n *rtnetlink) close() { _ = syscall.Close(n.socket) }

// create asks for a new object and returns when the kernel has made it. One that is there already is an error.
func (n *rtnetlink) create(kind uint16, body ...[]byte) error {
	n.sequence++
	message := make([]byte, syscall.NLMSG_HDRLEN)
	for _, part := range body {
		message = append(message, part...)
	}
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], kind)
	binary.NativeEndian.PutUint16(message[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_ACK|syscall.NLM_F_CREATE|syscall.NLM_F_EXCL)
	binary.NativeEndian.PutUint32(message[8:], n.sequence)
	if err := syscall.Sendto(n.socket, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to the kernel: %w", err)
	}
	buffer := make([]byte, 4096)
	for {
		count, _, err := syscall.Recvfrom(n.socket, buffer, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive from the kernel: %w", err)
		}
		answers, err := syscall.ParseNetlinkMessage(buffer[:count])
		if err != nil {
			return fmt.Errorf("read the kernel's answer: %w", err)
		}
		for _, answer := range answers {
			if answer.Header.Seq != n.sequence || answer.Header.Type != syscall.NLMSG_ERROR || len(answer.Data) < 4 {
				continue
			}
			if code := int32(binary.NativeEndian.Uint32(answer.Data)); code != 0 {
				return syscall.Errno(-code)
			}
			return nil
		}
	}
}

// object is what the kernel tells about a route, a rule or an address.
type object struct {
	head       []byte // family, length of the destination, …
	attributes map[uint16]string
}

func (o object) number(kind uint16) uint32 {
	if value := o.attributes[kind]; len(value) == 4 {
		return binary.NativeEndian.Uint32([]byte(value))
	}
	return 0
}

// dump lists all routes (RTM_GETROUTE), addresses (RTM_GETADDR) or rules (RTM_GETRULE). It needs no rights.
func dump(request int) ([]object, error) {
	table, err := syscall.NetlinkRIB(request, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for what it has: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return nil, fmt.Errorf("read what the kernel has: %w", err)
	}
	size := syscall.SizeofRtMsg // of rules as well
	if request == syscall.RTM_GETADDR {
		size = syscall.SizeofIfAddrmsg
	}
	var objects []object
	for _, m := range messages {
		if m.Header.Type == syscall.NLMSG_DONE || len(m.Data) < size {
			continue
		}
		o := object{head: m.Data[:size], attributes: map[uint16]string{}}
		for rest := m.Data[size:]; len(rest) >= syscall.SizeofRtAttr; {
			length := int(binary.NativeEndian.Uint16(rest))
			if length < syscall.SizeofRtAttr || length > len(rest) {
				return nil, errors.New("read what the kernel has: an attribute is cut off")
			}
			o.attributes[binary.NativeEndian.Uint16(rest[2:])] = string(rest[syscall.SizeofRtAttr:length])
			rest = rest[min((length+3)&^3, len(rest)):]
		}
		objects = append(objects, o)
	}
	return objects, nil
}
