# Loaded by pt-online-schema-change (--plugin). It copies and nothing else: Holdfast compares, cuts over and cleans up.
#   DIR/pause   the copy rests, looked for before each chunk
#   DIR/stop    it ends at once; so it does on a signal, and when whoever started it is gone
# It ends without any clean-up of the tool's own: by then the names it would drop may be somebody else's.
package pt_online_schema_change_plugin;
use strict;
use warnings FATAL => 'all';
use POSIX ();
use Time::HiRes ();

my $signal = '';

sub say_ { my ($what, %with) = @_; local $| = 1; print "HOLDFAST $what", (map { " $_=$with{$_}" } sort keys %with), "\n"; }

sub new {
   my ($class, %args) = @_;
   my $dir = $ENV{HOLDFAST_OSC_DIR} or die "HOLDFAST_OSC_DIR is not set\n";
   die "this version of pt-online-schema-change is not known: it has no NibbleIterator::next\n"
      unless NibbleIterator->can('next');
   my $self = bless { %args, dir => $dir, parent => getppid() }, $class;
   for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { $signal ||= $name }; }
   $SIG{PIPE} = 'IGNORE';
   my $next = \&NibbleIterator::next;
   no warnings 'redefine';
   *NibbleIterator::next = sub { $self->rest; goto &$next; };
   my @connections = map { $_->dbh->selectrow_array('SELECT CONNECTION_ID()') } grep { $_ } @{$self}{qw(cxn aux_cxn)};
   say_('connected', ids => join(',', @connections));
   return $self;
}

sub after_create_new_table { my ($self, %args) = @_; say_('shadow', name => $args{new_tbl}{tbl}); $self->stop_asked; }
sub after_create_triggers { my ($self) = @_; say_('triggers'); $self->stop_asked; }
sub before_swap_tables { my ($self) = @_; say_('copied'); $self->stop_asked; }

sub rest {
   my ($self) = @_;
   my $looks = 0;
   $self->stop_asked;
   while ( -e "$self->{dir}/pause" ) {
      say_('resting') unless $looks;
      # A connection that was lost stays lost: somebody may have taken over.
      $self->stop('connection') if $looks++ % 25 == 0 && grep { $_ && !$_->dbh->ping } @{$self}{qw(cxn aux_cxn)};
      Time::HiRes::sleep(0.2);
      $self->stop_asked;
   }
   say_('going on') if $looks;
}

sub stop_asked {
   my ($self) = @_;
   return $self->stop("SIG$signal") if $signal;
   return $self->stop('asked') if -e "$self->{dir}/stop";
   return $self->stop('orphan') if getppid() != $self->{parent};
}

sub stop { my ($self, $why) = @_; say_('stopped', why => $why); POSIX::_exit(75); }

1;
